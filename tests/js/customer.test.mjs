// Every method of `sdk.admin.customer`, with a refusal beside each success.

import assert from "node:assert/strict";
import test from "node:test";

import {
  address, addressOfCustomer, bySetting, customer, defaultLimit, forged, groupOfCustomer, is, isId, isInvalid,
  refuses, sdk, tracked,
} from "./shop.mjs";

const [customers, assertComplete] = tracked(sdk.admin.customer);
const groups = sdk.admin.customerGroup;

/** The relations of one customer, of a request without `fields`. */
const relations = (shown) => bySetting({ addresses: [], groups: [], orders: [], ...shown }, {});

const rome = { address_1: "1 Main St", city: "Rome", postal_code: "00100", country_code: "it" };

async function created(email, body) {
  return (await customers.create({ email, ...body })).customer.id;
}

async function createdGroup(name) {
  return (await groups.create({ name })).customer_group.id;
}

/** Adds an address; returns its id. */
async function createdAddress(id, body) {
  await customers.createAddress(id, { ...rome, ...body });
  const { customer } = await customers.retrieve(id, { fields: "addresses.id" });
  return customer.addresses.at(-1).id;
}

test("create", async () => {
  const made = await customers.create({
    email: "Create@customers.example",
    company_name: "Acme",
    first_name: "Ann",
    last_name: "Lee",
    phone: "+15550100",
    metadata: { vip: true, tags: ["a", { b: null }] },
    additional_data: { source: "test" },
  });
  const { id, created_at, updated_at } = made.customer;
  isId(id, "cus");
  assert.equal(created_at, updated_at);
  const full = {
    id,
    company_name: "Acme",
    first_name: "Ann",
    last_name: "Lee",
    email: "Create@customers.example",
    phone: "+15550100",
    metadata: { vip: true, tags: ["a", { b: null }] },
  };
  is(made, { customer: customer(full) });
  is(await customers.retrieve(id), { customer: { ...customer(full), ...relations() } });

  const shown = await customers.create({ email: "fields@customers.example" }, { fields: "email,*groups" });
  is(shown, { customer: { email: "fields@customers.example", id: shown.customer.id, groups: [] } });
});

test("create refuses what breaks a rule", async () => {
  const email = "refused@customers.example";
  await isInvalid(customers.create({ email: "nobody" }), "Invalid email address");
  await isInvalid(customers.create({ email: "" }), "Invalid email address");
  await isInvalid(customers.create({ email, nickname: "A", age: 1 }), "Unrecognized fields: 'nickname, age'");
  await isInvalid(customers.create({ email, has_account: true }), "Unrecognized fields: 'has_account'");
  await isInvalid(
    customers.create({ email, first_name: 5, metadata: "x" }),
    "Expected type: 'string' for field 'first_name', got: '5'; Expected type: 'record' for field 'metadata', got: 'x'",
  );
  await isInvalid(customers.create({ email }, { limit: 1 }), "Unrecognized fields: 'limit'");
  await refuses(customers.create({ email }, {}, forged), 401, "Unauthorized");
  is(await customers.list({ email }), { customers: [], count: 0, offset: 0, limit: defaultLimit });
});

test("an email is taken once", async () => {
  const email = "twice@customers.example";
  const taken = `Customer with email: ${email}, has_account: false, already exists.`;
  const id = await created(email);
  await refuses(customers.create({ email }), 400, taken);
  await created("Twice@customers.example");
  const other = await created("other@customers.example");
  await refuses(customers.update(other, { email }), 400, taken);
  await customers.delete(id);
  await customers.update(other, { email });
});

test("an email is needed by the document alone", async () => {
  const make = (body) => customers.create({ first_name: "Nameless", ...body });
  await bySetting(
    async () => {
      await isInvalid(make({}), "Field 'email' is required");
      await isInvalid(make({ email: null }), "Field 'email' is required");
      const id = await created("needed@customers.example");
      await isInvalid(customers.update(id, { email: null }), "Field 'email' is required");
    },
    async () => {
      const ids = [];
      for (const body of [{}, { email: null }]) {
        const made = await make(body);
        const { id } = made.customer;
        is(made, { customer: customer({ id, first_name: "Nameless" }) });
        ids.push(id);
      }
      const found = await customers.list({ email: "null", q: "nameless", fields: "id" });
      assert.deepEqual([found.customers.map(({ id }) => id), found.count], [ids.sort(), 2]);
      const id = await created("needed@customers.example");
      is(await customers.update(id, { email: null }), { customer: customer({ id }) });
    },
  )();
});

test("retrieve", async () => {
  const email = "retrieve@customers.example";
  const id = await created(email);
  const home = await createdAddress(id, { address_name: "Home", is_default_billing: true });
  const name = "Retrieved";
  const vip = await createdGroup(name);
  await customers.batchCustomerGroups(id, { add: [vip] });
  const addresses = [
    addressOfCustomer({ id: home, address_name: "Home", is_default_billing: true, customer_id: id, ...rome }),
  ];
  const inGroups = [groupOfCustomer({ id: vip, name })];

  is(await customers.retrieve(id), {
    customer: { ...customer({ id, email }), ...relations({ addresses, groups: inGroups }) },
  });
  is(await customers.retrieve(id, { fields: "*addresses,*groups,*orders" }), {
    customer: { ...customer({ id, email }), addresses, groups: inGroups, orders: [] },
  });
  is(await customers.retrieve(id, { fields: "email,groups.name,addresses.city" }), {
    customer: { email, id, groups: [{ name }], addresses: [{ city: "Rome" }] },
  });
});

test("retrieve refuses what is not there", async () => {
  const id = await created("gone@customers.example");
  await customers.delete(id);
  await refuses(customers.retrieve(id), 404, `Customer with id: ${id} not found`);
  await refuses(customers.retrieve("cus_no"), 404, "Customer with id: cus_no not found");
  await isInvalid(customers.retrieve("cus_no", { with_deleted: true }), "Unrecognized fields: 'with_deleted'");
  await refuses(customers.retrieve("cus_no", {}, forged), 401, "Unauthorized");
});

test("update", async () => {
  const email = "update@customers.example";
  const id = await created(email, { phone: "1", metadata: { kept: 1, dropped: 2 } });
  const changed = await customers.update(id, {
    first_name: "Ann",
    phone: null,
    metadata: { dropped: "", added: null },
  });
  is(changed, { customer: customer({ id, email, first_name: "Ann", metadata: { kept: 1, added: null } }) });
  assert.deepEqual(await customers.update(id, {}), changed, "what changes nothing moves no time");
  is(await customers.update(id, { company: "Acme" }, { fields: "company_name" }), {
    customer: { company_name: "Acme", id },
  });
  is(await customers.update(id, { company_name: null, metadata: null }), {
    customer: customer({ id, email, first_name: "Ann" }),
  });
});

test("update refuses what breaks a rule, and changes nothing", async () => {
  const id = await created("unchanged@customers.example");
  const before = await customers.retrieve(id);
  await isInvalid(customers.update(id, { phone: "1", email: "x" }), "Invalid email address");
  await isInvalid(customers.update(id, { phone: "1", password: "x" }), "Unrecognized fields: 'password'");
  await isInvalid(customers.update(id, { phone: "1" }, { q: "x" }), "Unrecognized fields: 'q'");
  await refuses(customers.update(id, { phone: "1" }, {}, forged), 401, "Unauthorized");
  await refuses(customers.update("cus_no", { phone: "1" }), 404, 'Customer with id "cus_no" not found');
  assert.deepEqual(await customers.retrieve(id), before);
});

test("list", async () => {
  const q = "@listed.example";
  const ids = [await created(`a${q}`), await created(`b${q}`)];
  const shown = (index, given) => ({
    ...customer({ id: ids[index], email: `${"ab"[index]}${q}` }),
    ...bySetting({ addresses: [], groups: [] }, {}),
    ...given,
  });
  is(await customers.list({ q, order: "email" }), {
    customers: [shown(0), shown(1)],
    count: 2,
    offset: 0,
    limit: defaultLimit,
  });
  const { customers: all, ...page } = await customers.list();
  assert.ok(all.length <= page.count && all.length <= defaultLimit);
  is(page, { count: page.count, offset: 0, limit: defaultLimit });

  await isInvalid(customers.list({ nickname: "A", age: 1 }), "Unrecognized fields: 'nickname, age'");
  await isInvalid(customers.list({ phone: "1" }), "Unrecognized fields: 'phone'");
  await refuses(customers.list({}, forged), 401, "Unauthorized");
});

test("delete", async () => {
  const email = "deleted@customers.example";
  const id = await created(email);
  await refuses(customers.delete(id, forged), 401, "Unauthorized");
  await customers.retrieve(id);
  const deleted = { id, object: "customer", deleted: true };
  is(await customers.delete(id), deleted);
  is(await customers.delete(id), deleted);
  is(await customers.delete("cus_no"), { ...deleted, id: "cus_no" });
  is(await customers.list({ email, with_deleted: true }), {
    customers: [],
    count: 0,
    offset: 0,
    limit: defaultLimit,
  });
  await created(email);
});

test("batchCustomerGroups", async () => {
  const email = "joins@customers.example";
  const id = await created(email);
  const [one, two] = [await createdGroup("Joined one"), await createdGroup("Joined two")];
  const joined = async () => {
    const answer = await customers.retrieve(id, { fields: "groups.name" });
    return answer.customer.groups.map(({ name }) => name);
  };
  is(await customers.batchCustomerGroups(id, { add: [two, one, two] }), { customer: customer({ id, email }) });
  assert.deepEqual((await joined()).sort(), ["Joined one", "Joined two"]);
  is(await customers.batchCustomerGroups(id, { add: [one], remove: [two, "cusgroup_no"] }), {
    customer: customer({ id, email }),
  });
  assert.deepEqual(await joined(), ["Joined one"]);
  is(await customers.batchCustomerGroups(id, {}), { customer: customer({ id, email }) });

  const absent = (name, of) => `You tried to set relationship ${name}: ${of}, but such entity does not exist`;
  await refuses(
    customers.batchCustomerGroups(id, { add: [two, "cusgroup_no"] }),
    404,
    absent("customer_group_id", "cusgroup_no"),
  );
  await refuses(customers.batchCustomerGroups("cus_no", { add: [one] }), 404, absent("customer_id", "cus_no"));
  await refuses(
    customers.batchCustomerGroups("cus_no", { remove: [one] }),
    404,
    'Customer with id "cus_no" not found',
  );
  await isInvalid(
    customers.batchCustomerGroups(id, { add: two }),
    `Expected type: 'array' for field 'add', got: '${two}'`,
  );
  await isInvalid(customers.batchCustomerGroups(id, { groups: [two] }), "Unrecognized fields: 'groups'");
  await refuses(customers.batchCustomerGroups(id, { add: [two] }, forged), 401, "Unauthorized");
  assert.deepEqual(await joined(), ["Joined one"]);
});

test("createAddress", async () => {
  const email = "address@customers.example";
  const id = await created(email);
  const full = {
    address_name: "Home",
    company: "Acme",
    first_name: "Ann",
    last_name: "Lee",
    address_1: "1 Main St",
    address_2: "Apt 4",
    city: "Berlin",
    province: "BE",
    postal_code: "10115",
    country_code: "DE",
    phone: "+4930",
    metadata: { floor: 3 },
  };
  const sent = { ...full, is_default_shipping: true, additional_data: { source: "test" } };
  is(await customers.createAddress(id, sent), { customer: customer({ id, email }) });
  const { addresses } = await customers.listAddresses(id);
  isId(addresses[0].id, "cuaddr");
  is(addresses, [
    address({ id: addresses[0].id, customer_id: id, ...full, country_code: bySetting("de", "DE") }),
  ]);

  // Another address becomes the default.
  const next = await createdAddress(id, { is_default_shipping: true });
  const flags = await customers.retrieve(id, { fields: "addresses.id,addresses.is_default_shipping" });
  assert.deepEqual(
    Object.fromEntries(flags.customer.addresses.map(({ id, is_default_shipping }) => [id, is_default_shipping])),
    { [addresses[0].id]: false, [next]: true },
  );
});

test("createAddress refuses what breaks a rule", async () => {
  const id = await created("homeless@customers.example");
  const wrong = (body) => customers.createAddress(id, { ...rome, ...body });
  await isInvalid(wrong({ street: "x" }), "Unrecognized fields: 'street'");
  await isInvalid(wrong({ city: 5 }), "Expected type: 'string' for field 'city', got: '5'");
  await isInvalid(
    wrong({ is_default_billing: null }),
    "Expected type: 'boolean' for field 'is_default_billing', got: 'null'",
  );
  await refuses(
    customers.createAddress("cus_no", rome),
    404,
    "You tried to set relationship customer_id: cus_no, but such entity does not exist",
  );
  await refuses(customers.createAddress(id, rome, forged), 401, "Unauthorized");
  is(await customers.listAddresses(id), { addresses: [], count: 0, offset: 0, limit: defaultLimit });
});

test("an address is whole and in a country by the document alone", async () => {
  const email = "lines@customers.example";
  const id = await created(email);
  const countryRule = (code) => `Field 'country_code' must be a two-letter ISO 3166-1 code, got: '${code}'`;
  await bySetting(
    async () => {
      await isInvalid(
        customers.createAddress(id, {}),
        "Field 'address_1' is required; Field 'city' is required; " +
          "Field 'country_code' is required; Field 'postal_code' is required",
      );
      for (const line of ["address_1", "city", "postal_code", "country_code"]) {
        await isInvalid(customers.createAddress(id, { ...rome, [line]: null }), `Field '${line}' is required`);
      }
      for (const country_code of ["zz", "usa", "Italy"]) {
        await isInvalid(customers.createAddress(id, { ...rome, country_code }), countryRule(country_code));
      }
      const home = await createdAddress(id, { country_code: "IT" });
      await isInvalid(customers.updateAddress(id, home, { city: null }), "Field 'city' is required");
      await isInvalid(customers.updateAddress(id, home, { country_code: "zz" }), countryRule("zz"));
      is(await customers.retrieveAddress(id, home), { address: address({ id: home, customer_id: id, ...rome }) });
    },
    async () => {
      is(await customers.createAddress(id, {}), { customer: customer({ id, email }) });
      const { addresses } = await customers.listAddresses(id);
      const home = addresses[0].id;
      is(addresses, [address({ id: home, customer_id: id })]);
      for (const country_code of ["zz", "usa", "Italy", "uS"]) {
        await customers.updateAddress(id, home, { country_code });
        is(await customers.retrieveAddress(id, home), {
          address: address({ id: home, customer_id: id, country_code }),
        });
      }
    },
  )();
});

test("retrieveAddress and listAddresses", async () => {
  const id = await created("residences@customers.example");
  const ids = [await createdAddress(id, { city: "Rome" }), await createdAddress(id, { city: "Pisa" })];
  const shown = (index) =>
    address({ id: ids[index], customer_id: id, ...rome, city: ["Rome", "Pisa"][index] });
  is(await customers.retrieveAddress(id, ids[1]), { address: shown(1) });
  const listed = [shown(0), shown(1)].sort((one, other) => (one.id < other.id ? -1 : 1));
  is(await customers.listAddresses(id), { addresses: listed, count: 2, offset: 0, limit: defaultLimit });

  const other = await created("residence@customers.example");
  for (const [owner, address] of [[id, "cuaddr_no"], [other, ids[0]]]) {
    await refuses(customers.retrieveAddress(owner, address), 404, `Address with id: ${address} not found`);
  }
  await refuses(customers.retrieveAddress(id, ids[0], forged), 401, "Unauthorized");
  await refuses(customers.listAddresses("cus_no"), 404, "Customer with id: cus_no not found");
  await refuses(customers.listAddresses(id, forged), 401, "Unauthorized");
  is(await customers.listAddresses(other), { addresses: [], count: 0, offset: 0, limit: defaultLimit });
});

test("updateAddress", async () => {
  const email = "moves@customers.example";
  const id = await created(email);
  const home = await createdAddress(id, { metadata: { kept: 1, dropped: 2 } });
  const body = { city: "Pisa", address_2: "Apt 4", metadata: { dropped: "" } };
  is(await customers.updateAddress(id, home, body), { customer: customer({ id, email }) });
  const moved = { ...rome, ...body, metadata: { kept: 1 } };
  const shown = { address: address({ id: home, customer_id: id, ...moved }) };
  is(await customers.retrieveAddress(id, home), shown);

  const other = await created("stays@customers.example");
  for (const [owner, address] of [[id, "cuaddr_no"], [other, home]]) {
    await refuses(
      customers.updateAddress(owner, address, { city: "Oslo" }),
      404,
      `Address with id "${address}" not found`,
    );
  }
  await isInvalid(customers.updateAddress(id, home, { street: "x" }), "Unrecognized fields: 'street'");
  await refuses(customers.updateAddress(id, home, { city: "Oslo" }, forged), 401, "Unauthorized");
  is(await customers.retrieveAddress(id, home), shown);
});

test("deleteAddress", async () => {
  const email = "leaves@customers.example";
  const id = await created(email);
  const [home, kept] = [await createdAddress(id), await createdAddress(id)];
  const other = await created("remains@customers.example");
  await refuses(customers.deleteAddress(other, home), 404, `Address with id "${home}" not found`);
  await refuses(customers.deleteAddress("cus_no", home), 404, 'Customer with id "cus_no" not found');
  await refuses(customers.deleteAddress(id, home, forged), 401, "Unauthorized");
  await customers.retrieveAddress(id, home);

  const deleted = { id: home, object: "customer_address", deleted: true, parent: customer({ id, email }) };
  is(await customers.deleteAddress(id, home), deleted);
  is(await customers.deleteAddress(id, home), deleted);
  is(await customers.listAddresses(id), {
    addresses: [address({ id: kept, customer_id: id, ...rome })],
    count: 1,
    offset: 0,
    limit: defaultLimit,
  });
});

test("no method of sdk.admin.customer is left out", assertComplete);
