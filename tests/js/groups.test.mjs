// Every method of sdk.admin.customerGroup.

import assert from "node:assert/strict";
import { test } from "node:test";

import { admin, asMedusa, hasMethods, refused, settled } from "./shop.mjs";

const client = await admin();
const { customer: customers, customerGroup: groups } = client.admin;
const { user } = await client.admin.user.me();

function shown(id, name, values) {
  return {
    id,
    name,
    created_by: user.id,
    created_at: "<time>",
    updated_at: "<time>",
    deleted_at: null,
    metadata: null,
    ...values,
  };
}

async function made(name) {
  const { customer_group: group } = await groups.create({ name });
  return group;
}

test("each method is tested here", () => {
  hasMethods(groups, ["retrieve", "list", "create", "update", "delete", "batchCustomers"]);
});

test("create", async () => {
  const { customer_group: group } = await groups.create({ name: "Größe, (1) \"x\"", metadata: { a: 1 } });
  assert.deepEqual(settled(group), shown(group.id, "Größe, (1) \"x\"", { metadata: { a: 1 } }));
  await refused(
    groups.create({ name: "Größe, (1) \"x\"" }),
    400,
    "Customer group with name: Größe, (1) \"x\", already exists.",
  );
  await refused(groups.create({}), 400, "Invalid request: Field 'name' is required");
  await refused(
    groups.create({ name: "x", customers: [] }),
    400,
    "Invalid request: Unrecognized fields: 'customers'",
  );
});

test("retrieve", async () => {
  const { id } = await made("Retrieved");
  const { customer_group: group } = await groups.retrieve(id, { fields: "name,*customers" });
  assert.deepEqual(group, { name: "Retrieved", id, customers: [] });
  assert.deepEqual(settled(await groups.retrieve(id)), { customer_group: shown(id, "Retrieved") });
  await refused(groups.retrieve("cusgroup_nope"), 404, "Customer group with id: cusgroup_nope not found");
});

test("update", async () => {
  const { id } = await made("Before");
  const { customer_group: group } = await groups.update(id, { name: "After", metadata: { b: 2 } });
  assert.deepEqual(settled(group), shown(id, "After", { metadata: { b: 2 } }));
  await refused(
    groups.update(id, { name: null }),
    400,
    "Invalid request: Expected type: 'string' for field 'name', got: 'null'",
  );
  await refused(groups.update("cusgroup_nope", { name: "x" }), 404, 'Customer group with id "cusgroup_nope" not found');
});

test("delete", async () => {
  const { id } = await made("Deleted");
  assert.deepEqual(await groups.delete(id), { id, object: "customer_group", deleted: true });
  await refused(groups.retrieve(id), 404, `Customer group with id: ${id} not found`);
  await made("Deleted");
});

test("batchCustomers", async () => {
  const { id } = await made("Members");
  const { customer: ann } = await customers.create({ email: "ann@members.example" });
  const { customer: bob } = await customers.create({ email: "bob@members.example" });
  const { customer_group: group } = await groups.batchCustomers(id, { add: [ann.id, bob.id, ann.id] });
  assert.deepEqual(settled(group), shown(id, "Members"));
  await groups.batchCustomers(id, { remove: [ann.id, "cus_nope"] });
  const { customer_group: left } = await groups.retrieve(id, { fields: "customers.email" });
  assert.deepEqual(left, { id, customers: [{ email: "bob@members.example", id: bob.id }] });
  await refused(
    groups.batchCustomers(id, { add: ["cus_nope", ann.id] }),
    404,
    "You tried to set relationship customer_id: cus_nope, but such entity does not exist",
  );
  assert.equal((await customers.list({ groups: id })).count, 1);
  await refused(
    groups.batchCustomers(id, { add: [{ id: ann.id }] }),
    400,
    "Invalid request: Field 'add, 0' is required",
  );
});

test("list", async () => {
  const { id: one } = await made("Listed one");
  const { id: two } = await made("Listed two");
  const { customer: ann } = await customers.create({ email: "ann@lists.example", first_name: "Ann" });
  await groups.batchCustomers(two, { add: [ann.id] });
  assert.deepEqual(settled(await groups.list({ q: "listed", order: "-name" })), {
    customer_groups: [shown(two, "Listed two"), shown(one, "Listed one")],
    count: 2,
    offset: 0,
    limit: asMedusa ? 50 : 15,
  });
  for (const [query, ids] of [
    [{ name: ["Listed one", "Listed two"] }, [one, two]],
    [{ id: one }, [one]],
    [{ customers: ann.id }, [two]],
    [{ customers: { email: { $like: "%@lists.example" } } }, [two]],
    [{ customers: { first_name: "Bob" } }, []],
    [{ q: "LISTED", customers: "null" }, [one]],
    [{ $or: [{ id: one }, { customers: { first_name: "Ann" } }] }, [one, two]],
  ]) {
    const { customer_groups: list } = await groups.list(query);
    assert.deepEqual(list.map((group) => group.id), ids, JSON.stringify(query));
  }
  await refused(groups.list({ metadata: {} , nope: 1 }), 400, "Invalid request: Unrecognized fields: 'nope'");
  await refused(
    groups.list({ id: { $ne: one } }),
    400,
    "Invalid request: Expected type: 'string, array' for field 'id', got: '[object Object]'",
  );
});
