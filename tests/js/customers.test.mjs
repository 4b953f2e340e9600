// Every method of sdk.admin.customer.

import assert from "node:assert/strict";
import { test } from "node:test";

import { admin, asMedusa, hasMethods, refused, settled } from "./shop.mjs";

const client = await admin();
const { customer: customers, customerGroup: groups } = client.admin;
const { user } = await client.admin.user.me();
/** What an address has to have, at least. */
const address = { address_1: "1 Main St", city: "Berlin", postal_code: "10115", country_code: "DE" };
const country_code = asMedusa ? "DE" : "de";

function shown(id, values) {
  return {
    id,
    company_name: null,
    first_name: null,
    last_name: null,
    email: null,
    phone: null,
    metadata: null,
    has_account: false,
    created_by: user.id,
    created_at: "<time>",
    updated_at: "<time>",
    deleted_at: null,
    ...values,
  };
}

async function made(values) {
  const { customer } = await customers.create(values);
  return customer;
}

async function emails(query) {
  const { customers: list, count } = await customers.list({ fields: "email", ...query });
  return [list.map((customer) => customer.email.split("@")[0]), count];
}

test("each method is tested here", () => {
  hasMethods(customers, [
    "create",
    "update",
    "list",
    "retrieve",
    "delete",
    "batchCustomerGroups",
    "createAddress",
    "updateAddress",
    "deleteAddress",
    "retrieveAddress",
    "listAddresses",
  ]);
});

test("create", async () => {
  const values = {
    email: "full@create.example",
    first_name: "Ann",
    last_name: "Lee",
    company_name: "Acme",
    phone: "+15550100",
    metadata: { tier: "gold", nested: { a: [1, null] } },
  };
  const customer = await made(values);
  assert.deepEqual(settled(customer), shown(customer.id, values));
  const { customer: part } = await customers.create({ email: "part@create.example" }, { fields: "email,*groups" });
  assert.deepEqual(part, { email: "part@create.example", id: part.id, groups: [] });
  await refused(
    customers.create(values),
    400,
    "Customer with email: full@create.example, has_account: false, already exists.",
  );
  await refused(customers.create({ email: "nope" }), 400, "Invalid request: Invalid email address");
  await refused(
    customers.create({ email: "x@create.example", nickname: "X", first_name: 5 }),
    400,
    "Invalid request: Expected type: 'string' for field 'first_name', got: '5'; Unrecognized fields: 'nickname'",
  );
  await refused(
    customers.create({ email: "x@create.example" }, { limit: 1 }),
    400,
    "Invalid request: Unrecognized fields: 'limit'",
  );
  if (asMedusa) {
    const nobody = await made({});
    assert.deepEqual(settled(nobody), shown(nobody.id, {}));
  } else {
    await refused(customers.create({}), 400, "Invalid request: Field 'email' is required");
  }
});

test("retrieve", async () => {
  const customer = await made({ email: "retrieve@shop.example" });
  const relations = asMedusa ? {} : { addresses: [], groups: [], orders: [] };
  const { customer: whole } = await customers.retrieve(customer.id);
  assert.deepEqual(settled(whole), shown(customer.id, { email: "retrieve@shop.example", ...relations }));
  const { customer: part } = await customers.retrieve(customer.id, { fields: "-metadata,+email,*groups" });
  const { metadata, ...rest } = shown(customer.id, { email: "retrieve@shop.example", groups: [] });
  assert.deepEqual(settled(part), rest);
  await refused(customers.retrieve("cus_nope"), 404, "Customer with id: cus_nope not found");
  await refused(
    customers.retrieve(customer.id, { with_deleted: true }),
    400,
    "Invalid request: Unrecognized fields: 'with_deleted'",
  );
});

test("update", async () => {
  const { id } = await made({ email: "update@shop.example", first_name: "Old", metadata: { a: 1, b: 2 } });
  const { customer } = await customers.update(id, { first_name: null, phone: "+1", metadata: { b: "", c: 3 } });
  assert.deepEqual(
    settled(customer),
    shown(id, { email: "update@shop.example", phone: "+1", metadata: { a: 1, c: 3 } }),
  );
  await made({ email: "taken@shop.example" });
  await refused(
    customers.update(id, { email: "taken@shop.example" }),
    400,
    "Customer with email: taken@shop.example, has_account: false, already exists.",
  );
  await refused(customers.update("cus_nope", { phone: "1" }), 404, 'Customer with id "cus_nope" not found');
  await refused(
    customers.update(id, { has_account: true }),
    400,
    "Invalid request: Unrecognized fields: 'has_account'",
  );
});

test("delete", async () => {
  const { id } = await made({ email: "delete@shop.example" });
  const deleted = { id, object: "customer", deleted: true };
  assert.deepEqual(await customers.delete(id), deleted);
  assert.deepEqual(await customers.delete(id), deleted);
  await refused(customers.retrieve(id), 404, `Customer with id: ${id} not found`);
  await made({ email: "delete@shop.example" });
});

test("list", async () => {
  const one = await made({ email: "ada@list.example", first_name: "Ada", last_name: "100% Müller" });
  const two = await made({ email: "bob@list.example", first_name: "Bob", last_name: "Lee" });
  const three = await made({ email: "eve@list.example", first_name: "Eve", company_name: "Acme" });
  const { customer_group: group } = await groups.create({ name: "Listed" });
  await groups.batchCustomers(group.id, { add: [one.id, three.id] });
  const page = await customers.list({ q: "list.example", limit: 1, offset: 1, order: "-email" });
  const relations = asMedusa ? {} : { addresses: [], groups: [] };
  assert.deepEqual(settled(page), {
    customers: [shown(two.id, { email: "bob@list.example", first_name: "Bob", last_name: "Lee", ...relations })],
    count: 3,
    offset: 1,
    limit: 1,
  });
  assert.equal((await customers.list({ fields: "id" })).limit, asMedusa ? 50 : 15);
  const q = "list.example";
  for (const [query, names] of [
    [{ q: "MÜLLER list" }, ["ada"]],
    [{ q: "100% list" }, ["ada"]],
    [{ email: "bob@list.example" }, ["bob"]],
    [{ email: ["bob@list.example", "eve@list.example"] }, ["bob", "eve"]],
    [{ id: { $in: [one.id, two.id], $ne: one.id } }, ["bob"]],
    [{ id: { $nin: [one.id, two.id] }, q }, ["eve"]],
    [{ q, first_name: ["Ada", "Eve"], order: "-first_name" }, ["eve", "ada"]],
    [{ q, company_name: "null" }, ["ada", "bob"]],
    [{ q, has_account: false, limit: 2, offset: 2 }, ["eve"], 3],
    [{ q, has_account: true }, []],
    [{ q, groups: group.id }, ["ada", "eve"]],
    [{ q, groups: [group.id] }, ["ada", "eve"]],
    [{ q, groups: { name: "Listed" } }, ["ada", "eve"]],
    [{ q, groups: "null" }, ["bob"]],
    [{ q, created_at: { $gte: new Date(one.created_at) } }, ["ada", "bob", "eve"]],
    [{ q, created_at: { $lt: "2020-01-01" } }, []],
    [{ q, $or: [{ first_name: "Ada" }, { email: "eve@list.example" }] }, ["ada", "eve"]],
    [{ q, $and: [{ first_name: "Ada" }, { email: "eve@list.example" }] }, []],
    [{ q, created_by: user.id, limit: 0 }, [], 3],
  ].map(([query, names, count]) => [query, [names, count ?? names.length]])) {
    assert.deepEqual(await emails(query), names, JSON.stringify(query));
  }
  for (const [query, message] of [
    [{ limit: "abc" }, "Expected type: 'number' for field 'limit', got: 'abc'"],
    [{ limit: asMedusa ? 10_001 : 1_001 }, `Field 'limit' must be at most ${asMedusa ? "10000, got: '10001'" : "1000, got: '1001'"}`],
    [{ order: "nope" }, "Field 'order' names no field to order by, got: 'nope'"],
    [{ nope: 1, phone: 2 }, "Unrecognized fields: 'nope, phone'"],
    [{ email: { $ne: "x" } }, "Expected type: 'string, array' for field 'email', got: '[object Object]'"],
    [{ created_at: { $gte: "soon" } }, "Field 'created_at' must be a date, got: 'soon'"],
    [{ has_account: "maybe" }, "Invalid input"],
  ]) {
    await refused(customers.list(query), 400, `Invalid request: ${message}`);
  }
});

test("batchCustomerGroups", async () => {
  const { id } = await made({ email: "member@shop.example" });
  const { customer_group: one } = await groups.create({ name: "One" });
  const { customer_group: two } = await groups.create({ name: "Two" });
  const { customer } = await customers.batchCustomerGroups(id, { add: [one.id, two.id] });
  assert.deepEqual(settled(customer), shown(id, { email: "member@shop.example" }));
  await customers.batchCustomerGroups(id, { add: [two.id], remove: [one.id] });
  const { customer: member } = await customers.retrieve(id, { fields: "groups.name" });
  assert.deepEqual(member, { id, groups: [{ name: "Two" }] });
  await refused(
    customers.batchCustomerGroups(id, { add: ["cusgroup_nope"] }),
    404,
    "You tried to set relationship customer_group_id: cusgroup_nope, but such entity does not exist",
  );
  await refused(
    customers.batchCustomerGroups(id, { add: one.id }),
    400,
    `Invalid request: Expected type: 'array' for field 'add', got: '${one.id}'`,
  );
});

test("addresses", async () => {
  const { id } = await made({ email: "address@shop.example" });
  const { customer } = await customers.createAddress(id, { ...address, is_default_shipping: true });
  assert.deepEqual(settled(customer), shown(id, { email: "address@shop.example" }));
  const { addresses } = await customers.listAddresses(id);
  const first = addresses[0].id;
  const whole = {
    id: first,
    address_name: null,
    company: null,
    customer_id: id,
    first_name: null,
    last_name: null,
    address_1: "1 Main St",
    address_2: null,
    city: "Berlin",
    province: null,
    postal_code: "10115",
    country_code,
    phone: null,
    metadata: null,
    created_at: "<time>",
    updated_at: "<time>",
  };
  assert.deepEqual(settled(await customers.listAddresses(id)), {
    addresses: [whole],
    count: 1,
    offset: 0,
    limit: asMedusa ? 50 : 15,
  });
  assert.deepEqual(settled(await customers.retrieveAddress(id, first)), { address: whole });
  await customers.updateAddress(id, first, { city: "Rome", company: "Acme" });
  assert.deepEqual(settled(await customers.retrieveAddress(id, first)), {
    address: { ...whole, city: "Rome", company: "Acme" },
  });
  await customers.createAddress(id, { ...address, city: "Oslo", is_default_shipping: true });
  const { customer: both } = await customers.retrieve(id, { fields: "addresses.city,addresses.is_default_shipping" });
  assert.deepEqual(both.addresses, [
    { city: "Rome", is_default_shipping: false },
    { city: "Oslo", is_default_shipping: true },
  ]);
  const deleted = await customers.deleteAddress(id, first);
  assert.deepEqual(settled(deleted), {
    id: first,
    object: "customer_address",
    deleted: true,
    parent: shown(id, { email: "address@shop.example" }),
  });
  await refused(customers.retrieveAddress(id, first), 404, `Address with id: ${first} not found`);
  await refused(customers.updateAddress(id, first, { city: "X" }), 404, `Address with id "${first}" not found`);
  await refused(customers.listAddresses("cus_nope"), 404, "Customer with id: cus_nope not found");
  await refused(
    customers.createAddress("cus_nope", address),
    404,
    "You tried to set relationship customer_id: cus_nope, but such entity does not exist",
  );
  await refused(
    customers.createAddress(id, { ...address, is_default_shipping: "true" }),
    400,
    "Invalid request: Expected type: 'boolean' for field 'is_default_shipping', got: 'true'",
  );
  if (asMedusa) {
    await customers.createAddress(id, { country_code: "Elbonia" });
  } else {
    await refused(
      customers.createAddress(id, { country_code: "Elbonia" }),
      400,
      "Invalid request: Field 'address_1' is required; Field 'city' is required; " +
        "Field 'country_code' must be a two-letter ISO 3166-1 code, got: 'Elbonia'; Field 'postal_code' is required",
    );
  }
});
