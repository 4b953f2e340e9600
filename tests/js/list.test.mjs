// Lists of customers, asked with the query strings that the SDK writes:
// brackets, indices and percent signs, as `qs` has them.

import assert from "node:assert/strict";
import test from "node:test";

import { addressOfCustomer, bySetting, customer, defaultLimit, groupOfCustomer, is, isInvalid, sdk } from "./shop.mjs";

const customers = sdk.admin.customer;
const SHARED = "@lists.example";
const LONG_AGO = new Date("2020-01-01");

const made = async (name, body) => (await customers.create({ email: name + SHARED, ...body })).customer;
const ann = await made("ann", { first_name: "Ann", last_name: "Müller", company_name: "Acme", phone: "+1555" });
const bob = await made("bob", { first_name: "Bob", last_name: "100%" });
const zoe = await made("zoe", { first_name: "Zoë", last_name: "Lee", company_name: "Acme, Ltd" });

const madeGroup = async (name) => (await sdk.admin.customerGroup.create({ name })).customer_group.id;
const vip = await madeGroup("Lists: VIP");
const staff = await madeGroup("Lists: staff");
const closed = await madeGroup("Lists: closed");
await sdk.admin.customerGroup.batchCustomers(vip, { add: [ann.id, bob.id] });
await sdk.admin.customerGroup.batchCustomers(staff, { add: [bob.id] });
await sdk.admin.customerGroup.batchCustomers(closed, { add: [zoe.id] });
await sdk.admin.customerGroup.delete(closed);
await customers.createAddress(ann.id, {
  address_1: "1 Main St", city: "Rome", postal_code: "00100", country_code: "it",
});

/** Who is found, in order, and how many there are. */
async function found(query) {
  const answer = await customers.list({ q: SHARED, fields: "email", order: "email", ...query });
  return [answer.customers.map(({ email }) => email.split("@")[0]), answer.count];
}

/** Asserts for each query who is found: all that match, on one page. */
async function finds(cases) {
  for (const [query, names] of cases) {
    assert.deepEqual(await found(query), [names, names.length], JSON.stringify(query));
  }
}

test("pages", async () => {
  const page = (query) => customers.list({ q: SHARED, order: "email", fields: "id", ...query });
  const ids = [ann, bob, zoe].map(({ id }) => ({ id }));
  is(await page({}), { customers: ids, count: 3, offset: 0, limit: defaultLimit });
  is(await page({ limit: 1, offset: 1 }), { customers: [ids[1]], count: 3, offset: 1, limit: 1 });
  is(await page({ limit: 0 }), { customers: [], count: 3, offset: 0, limit: 0 });
  is(await page({ offset: 9 }), { customers: [], count: 3, offset: 9, limit: defaultLimit });
  is(await page({ limit: 1000 }), { customers: ids, count: 3, offset: 0, limit: 1000 });
  const most = bySetting(1000, 10_000);
  is(await page({ limit: most }), { customers: ids, count: 3, offset: 0, limit: most });
  await isInvalid(page({ limit: most + 1 }), `Field 'limit' must be at most ${most}, got: '${most + 1}'`);
  await isInvalid(page({ limit: -1 }), "Field 'limit' must be at least 0, got: '-1'");
  await isInvalid(page({ offset: -1 }), "Field 'offset' must be at least 0, got: '-1'");
  is(await page({ limit: "1abc", offset: 1.9 }), { customers: [ids[1]], count: 3, offset: 1, limit: 1 });
  await isInvalid(page({ limit: "ten" }), "Expected type: 'number' for field 'limit', got: 'ten'");
  await isInvalid(page({ limit: [1] }), "Expected type: 'number' for field 'limit', got: '1'");
});

test("order", async () => {
  await finds([
    [{ order: "email" }, ["ann", "bob", "zoe"]],
    [{ order: "-email" }, ["zoe", "bob", "ann"]],
    [{ order: "last_name" }, ["bob", "zoe", "ann"]],
    [{ order: "company_name" }, ["ann", "zoe", "bob"]],
    [{ order: "-company_name" }, ["bob", "zoe", "ann"]],
    [{ order: "groups.name", groups: [vip, staff] }, ["ann", "bob"]],
    [{ order: "groups.name" }, ["ann", "bob", "zoe"]],
  ]);
  const { customers: listed } = await customers.list({ q: SHARED, fields: "id" });
  const ids = listed.map(({ id }) => id);
  assert.deepEqual(ids, [ann.id, bob.id, zoe.id].sort(), "by id where no order is given");
  await isInvalid(
    customers.list({ order: ["email", "id"] }),
    "Expected type: 'string' for field 'order', got: 'email,id'",
  );
  for (const order of ["rank", "email,phone", "email:desc", "Email", "-"]) {
    await isInvalid(customers.list({ order }), `Field 'order' names no field to order by, got: '${order}'`);
  }
});

test("q finds every word in any case", async () => {
  await finds([
    [{ q: SHARED }, ["ann", "bob", "zoe"]],
    [{ q: `MÜLLER an ${SHARED}` }, ["ann"]],
    [{ q: `zoË ${SHARED}` }, ["zoe"]],
    [{ q: `+1555 ${SHARED}` }, ["ann"]],
    [{ q: `acme ${SHARED}` }, ["ann", "zoe"]],
    [{ q: `100% ${SHARED}` }, ["bob"]],
    [{ q: `_ ${SHARED}` }, []],
    [{ q: `bob lee ${SHARED}` }, []],
  ]);
  await isInvalid(customers.list({ q: ["a", "b"] }), "Expected type: 'string' for field 'q', got: 'a,b'");
  await isInvalid(customers.list({ q: "a\0b" }), "Parameter 'q' contains a NUL character");
});

test("filters", async () => {
  const [a, b, z] = ["ann", "bob", "zoe"].map((name) => name + SHARED);
  await finds([
    [{ email: b }, ["bob"]],
    [{ email: b.toUpperCase() }, []],
    [{ email: [b, z, "nobody"] }, ["bob", "zoe"]],
    [{ email: [`${a},${z}`] }, ["ann", "zoe"]],
    [{ email: `${a},${z}` }, []],
    [{ email: [] }, ["ann", "bob", "zoe"]],
    [{ email: undefined, first_name: null }, ["ann", "bob", "zoe"]],
    [{ first_name: "Zoë" }, ["zoe"]],
    [{ first_name: ["Ann", "Bob"], last_name: "Müller" }, ["ann"]],
    [{ company_name: "Acme, Ltd" }, ["zoe"]],
    [{ company_name: "null" }, ["bob"]],
    [{ created_by: ann.created_by }, ["ann", "bob", "zoe"]],
    [{ created_by: "user_no" }, []],
    [{ has_account: false }, ["ann", "bob", "zoe"]],
    [{ has_account: true }, []],
    [{ with_deleted: true }, ["ann", "bob", "zoe"]],
    [{ deleted_at: "null" }, ["ann", "bob", "zoe"]],
  ]);
  await isInvalid(customers.list({ has_account: "maybe" }), "Invalid input");
  await isInvalid(customers.list({ with_deleted: "maybe" }), "Expected type: 'boolean' for field 'with_deleted', got: 'maybe'");
  await isInvalid(
    customers.list({ email: { $like: "ann%" } }),
    "Expected type: 'string, array' for field 'email', got: '[object Object]'",
  );
});

test("operators on id", async () => {
  const [least, ...greater] = [ann, bob, zoe].map(({ id, email }) => [id, email.split("@")[0]]).sort();
  const greaterNames = greater.map(([, name]) => name).sort();
  await finds([
    [{ id: bob.id }, ["bob"]],
    [{ id: [ann.id, zoe.id] }, ["ann", "zoe"]],
    [{ id: { $eq: bob.id } }, ["bob"]],
    [{ id: { $ne: bob.id } }, ["ann", "zoe"]],
    [{ id: { $in: [ann.id, zoe.id] } }, ["ann", "zoe"]],
    [{ id: { in: [ann.id, zoe.id] } }, ["ann", "zoe"]],
    [{ id: { $nin: [ann.id, zoe.id] } }, ["bob"]],
    [{ id: { $gt: least[0] } }, greaterNames],
    [{ id: { gt: least[0] } }, greaterNames],
    [{ id: { $lte: least[0] } }, [least[1]]],
    [{ id: { $like: `%${bob.id.slice(4)}` } }, ["bob"]],
    [{ id: { $ilike: bob.id.toLowerCase() } }, ["bob"]],
    [{ id: { $gte: least[0], $ne: bob.id, $in: [ann.id, bob.id] } }, ["ann"]],
  ]);
  await isInvalid(customers.list({ id: { $in: "x" } }), "Expected type: 'array' for field 'id', got: 'x'");
  await isInvalid(customers.list({ id: { $contains: "x" } }), "Field 'id' has no operator '$contains'");
  await isInvalid(customers.list({ id: { $near: "x" } }), "Field 'id' has no operator '$near'");
});

test("operators on times", async () => {
  await finds([
    [{ created_at: { $gte: LONG_AGO } }, ["ann", "bob", "zoe"]],
    [{ created_at: { gte: LONG_AGO } }, ["ann", "bob", "zoe"]],
    [{ created_at: { $lt: LONG_AGO } }, []],
    [{ created_at: { $gte: "2020-01-01", $lt: "2021-01-01" } }, []],
    [{ updated_at: { $gte: LONG_AGO, $lte: zoe.updated_at } }, ["ann", "bob", "zoe"]],
    [{ created_at: zoe.created_at, first_name: "Zoë" }, ["zoe"]],
    [{ created_at: [ann.created_at, zoe.created_at], first_name: ["Ann", "Zoë"] }, ["ann", "zoe"]],
    [{ created_at: { $ne: bob.created_at }, first_name: "Bob" }, []],
  ]);
  await isInvalid(
    customers.list({ created_at: { $gte: "soon" } }),
    "Field 'created_at' must be a date, got: 'soon'",
  );
  await isInvalid(
    customers.list({ created_at: { $like: "2020%" } }),
    "Field 'created_at' has no operator '$like'",
  );
});

test("filters by group", async () => {
  await finds([
    [{ groups: vip }, ["ann", "bob"]],
    [{ groups: [vip, staff] }, ["ann", "bob"]],
    [{ groups: [staff, "cusgroup_no"] }, ["bob"]],
    [{ groups: "cusgroup_no" }, []],
    [{ groups: closed }, []],
    [{ groups: "null" }, ["zoe"]],
    [{ groups: { id: [staff] } }, ["bob"]],
    [{ groups: { name: "Lists: VIP" } }, ["ann", "bob"]],
    [{ "groups.name": "Lists: VIP" }, ["ann", "bob"]],
    [{ groups: { name: ["Lists: staff", "Lists: closed"] } }, ["bob"]],
    [{ groups: { name: "Lists: VIP", created_at: { $lt: LONG_AGO } } }, []],
    [{ groups: { created_at: { $gte: LONG_AGO } } }, ["ann", "bob"]],
  ]);
  const answer = await customers.list({ groups: staff, fields: "groups.name" });
  is(answer.customers, [{ id: bob.id, groups: [{ name: "Lists: VIP" }, { name: "Lists: staff" }] }]);
});

test("$or and $and", async () => {
  await finds([
    [{ $or: [{ first_name: "Ann" }, { last_name: "Lee" }] }, ["ann", "zoe"]],
    [{ $or: [{ first_name: ["Ann", "Bob"], last_name: "100%" }] }, ["bob"]],
    [{ $or: [{ groups: staff }, { id: { $in: [zoe.id] } }] }, ["bob", "zoe"]],
    [{ $or: [{ first_name: "Ann" }, { first_name: "Bob" }], groups: { name: "Lists: staff" } }, ["bob"]],
    [{ $and: [{ company_name: ["Acme", "Acme, Ltd"] }, { created_at: { $gte: LONG_AGO } }] }, ["ann", "zoe"]],
    [{ $and: [{ first_name: "Ann" }, { first_name: "Bob" }] }, []],
    [{ $or: [{ first_name: "Ann" }], $and: [{ last_name: "Lee" }] }, []],
  ]);
  await isInvalid(customers.list({ $or: "x" }), "Expected type: 'array' for field '$or', got: 'x'");
  await isInvalid(
    customers.list({ $or: { first_name: "Ann" } }),
    "Expected type: 'array' for field '$or', got: '[object Object]'",
  );
  await isInvalid(customers.list({ $not: [{ first_name: "Ann" }] }), "Unrecognized fields: '$not'");
});

test("fields", async () => {
  const shown = async (id, fields) => {
    const { customers: found } = await customers.list({ id, fields });
    assert.equal(found.length, 1);
    return found[0];
  };
  const { created_at, updated_at, ...kept } = ann;
  const whole = customer(kept);
  const { metadata, ...withoutMetadata } = whole;
  const groups = [groupOfCustomer({ id: vip, name: "Lists: VIP" })];

  is(await shown(ann.id, "email,first_name"), { email: ann.email, first_name: "Ann", id: ann.id });
  is(await shown(ann.id, "id,email"), { id: ann.id, email: ann.email });
  is(await shown(ann.id, "+phone"), whole);
  is(await shown(ann.id, "-metadata"), withoutMetadata);
  is(await shown(ann.id, "-metadata,email"), { metadata: null, email: ann.email, id: ann.id });
  is(await shown(ann.id, "*groups"), { ...whole, groups });
  is(await shown(ann.id, "+groups.name"), { ...whole, groups: [{ name: "Lists: VIP" }] });
  is(await shown(ann.id, "email,*groups"), { email: ann.email, id: ann.id, groups });
  is(await shown(ann.id, "addresses.city,groups.*,email"), {
    email: ann.email, id: ann.id, addresses: [{ city: "Rome" }], groups,
  });
  const [{ id }] = (await customers.listAddresses(ann.id)).addresses;
  is(await shown(ann.id, "id,*addresses"), {
    id: ann.id,
    addresses: [
      addressOfCustomer({
        id, customer_id: ann.id, address_1: "1 Main St", city: "Rome", postal_code: "00100", country_code: "it",
      }),
    ],
  });
  is(await shown(zoe.id, "id,*groups,*addresses,*orders"), { id: zoe.id, groups: [], addresses: [], orders: [] });
  is(await shown(ann.id, "id,groups.nope"), { id: ann.id, groups: [{}] });
  is(await shown(ann.id, "email , phone"), { email: ann.email, phone: "+1555", id: ann.id });
  is(await shown(ann.id, "*"), whole);
  is(await shown(ann.id, ""), { id: ann.id });
  is(await shown(ann.id, "nope,groups"), { id: ann.id });

  await isInvalid(shown(ann.id, "constructor"), "column constructor does not exist");
  await isInvalid(shown(ann.id, ["email", "phone"]), "Expected type: 'string' for field 'fields', got: 'email,phone'");
});
