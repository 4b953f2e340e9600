// Every method of `sdk.admin.customerGroup`, with a refusal beside each success.

import assert from "node:assert/strict";
import test from "node:test";

import {
  customerOfGroup, defaultLimit, forged, group, is, isId, isInvalid, refuses, sdk, tracked,
} from "./shop.mjs";

const [groups, assertComplete] = tracked(sdk.admin.customerGroup);
const customers = sdk.admin.customer;

async function created(name, body) {
  return (await groups.create({ name, ...body })).customer_group.id;
}

async function createdCustomer(email) {
  return (await customers.create({ email })).customer.id;
}

/** The emails of a group's customers. */
async function members(id) {
  const { customer_group } = await groups.retrieve(id, { fields: "customers.email" });
  return customer_group.customers.map(({ email }) => email);
}

test("create", async () => {
  const made = await groups.create({ name: "Created (1), größer", metadata: { rank: 1 } });
  const { id, created_at, updated_at } = made.customer_group;
  isId(id, "cusgroup");
  assert.equal(created_at, updated_at);
  is(made, { customer_group: group({ id, name: "Created (1), größer", metadata: { rank: 1 } }) });
  const shown = await groups.create({ name: "Created fields" }, { fields: "name,*customers" });
  is(shown, { customer_group: { name: "Created fields", id: shown.customer_group.id, customers: [] } });

  await refuses(
    groups.create({ name: "Created (1), größer" }),
    400,
    "Customer group with name: Created (1), größer, already exists.",
  );
  await isInvalid(groups.create({}), "Field 'name' is required");
  await isInvalid(groups.create({ name: null }), "Expected type: 'string' for field 'name', got: 'null'");
  await isInvalid(groups.create({ name: "x", additional_data: {} }), "Unrecognized fields: 'additional_data'");
  await isInvalid(groups.create({ name: "x" }, { limit: 1 }), "Unrecognized fields: 'limit'");
  await refuses(groups.create({ name: "x" }, {}, forged), 401, "Unauthorized");
  is(await groups.list({ name: "x" }), { customer_groups: [], count: 0, offset: 0, limit: defaultLimit });
});

test("retrieve", async () => {
  const name = "Retrieved group";
  const email = "member@groups.example";
  const id = await created(name);
  const member = await createdCustomer(email);
  await groups.batchCustomers(id, { add: [member] });
  is(await groups.retrieve(id), { customer_group: group({ id, name }) });
  is(await groups.retrieve(id, { fields: "*customers" }), {
    customer_group: { ...group({ id, name }), customers: [customerOfGroup({ id: member, email })] },
  });
  is(await groups.retrieve(id, { fields: "name,customers.email" }), {
    customer_group: { name, id, customers: [{ email, id: member }] },
  });

  await refuses(groups.retrieve("cusgroup_no"), 404, "Customer group with id: cusgroup_no not found");
  await isInvalid(groups.retrieve(id, { limit: 1 }), "Unrecognized fields: 'limit'");
  await refuses(groups.retrieve(id, {}, forged), 401, "Unauthorized");
});

test("update", async () => {
  const id = await created("Updated", { metadata: { kept: 1, dropped: 2 } });
  await created("Updated taken");
  const body = { name: "Updated anew", metadata: { dropped: "" } };
  const changed = await groups.update(id, body);
  is(changed, { customer_group: group({ id, name: "Updated anew", metadata: { kept: 1 } }) });
  is(await groups.update(id, {}, { fields: "name" }), { customer_group: { name: "Updated anew", id } });

  await refuses(
    groups.update(id, { name: "Updated taken" }),
    400,
    "Customer group with name: Updated taken, already exists.",
  );
  await isInvalid(groups.update(id, { name: null }), "Expected type: 'string' for field 'name', got: 'null'");
  await isInvalid(groups.update(id, { name: "x", rank: 1 }), "Unrecognized fields: 'rank'");
  await refuses(groups.update("cusgroup_no", { name: "x" }), 404, 'Customer group with id "cusgroup_no" not found');
  await refuses(groups.update(id, { name: "x" }, {}, forged), 401, "Unauthorized");
  assert.deepEqual(await groups.retrieve(id), changed);
});

test("list", async () => {
  const q = "listing";
  const names = ["Listing a", "Listing b", "Listing c"];
  const ids = [];
  for (const name of names) ids.push(await created(name));
  const email = "listed@groups.example";
  const member = await createdCustomer(email);
  await groups.batchCustomers(ids[1], { add: [member] });
  const shown = (index) => group({ id: ids[index], name: names[index] });
  is(await groups.list({ q, order: "name" }), {
    customer_groups: [shown(0), shown(1), shown(2)],
    count: 3,
    offset: 0,
    limit: defaultLimit,
  });
  is(await groups.list({ q, order: "-name", limit: 1, offset: 1, fields: "name,customers.email" }), {
    customer_groups: [{ name: names[1], id: ids[1], customers: [{ email, id: member }] }],
    count: 3,
    offset: 1,
    limit: 1,
  });

  for (const [query, indexes] of [
    [{ q: "LIST b" }, [1]],
    [{ name: "Listing a" }, [0]],
    [{ name: "listing a" }, []],
    [{ name: ["Listing a", "Listing c", "Listing no"] }, [0, 2]],
    [{ id: ids[2] }, [2]],
    [{ id: [ids[0], ids[1]] }, [0, 1]],
    [{ customers: member }, [1]],
    [{ customers: [member, "cus_no"] }, [1]],
    [{ customers: "cus_no" }, []],
    [{ customers: { email } }, [1]],
    [{ customers: { email: { $like: "listed@%" } } }, [1]],
    [{ customers: { id: [member] } }, [1]],
    [{ created_at: { $gte: new Date(0), $lt: new Date("2020-01-01") } }, []],
    [{ created_at: { gte: new Date("2020-01-01") } }, [0, 1, 2]],
    [{ $or: [{ name: "Listing a" }, { id: ids[1] }] }, [0, 1]],
    [{ $and: [{ name: ["Listing a", "Listing b"] }, { id: ids[1] }] }, [1]],
  ]) {
    const { customer_groups, count } = await groups.list({ q, order: "name", fields: "name", ...query });
    const found = [customer_groups.map(({ name }) => name), count];
    assert.deepEqual(found, [indexes.map((index) => names[index]), indexes.length], JSON.stringify(query));
  }

  await isInvalid(groups.list({ metadata: "x" }), "Unrecognized fields: 'metadata'");
  await isInvalid(groups.list({ order: "rank" }), "Field 'order' names no field to order by, got: 'rank'");
  await isInvalid(groups.list({ limit: "ten" }), "Expected type: 'number' for field 'limit', got: 'ten'");
  await refuses(groups.list({}, forged), 401, "Unauthorized");
});

test("delete", async () => {
  const id = await created("Deleted");
  await refuses(groups.delete(id, forged), 401, "Unauthorized");
  await groups.retrieve(id);
  const deleted = { id, object: "customer_group", deleted: true };
  is(await groups.delete(id), deleted);
  is(await groups.delete(id), deleted);
  is(await groups.delete("cusgroup_no"), { ...deleted, id: "cusgroup_no" });
  await refuses(groups.retrieve(id), 404, `Customer group with id: ${id} not found`);
  await created("Deleted");
});

test("batchCustomers", async () => {
  const name = "Batch";
  const id = await created(name);
  const same = { customer_group: group({ id, name }) };
  const [ann, bob] = [await createdCustomer("ann@batch.example"), await createdCustomer("bob@batch.example")];
  is(await groups.batchCustomers(id, { add: [bob, ann, bob] }), same);
  is(await groups.batchCustomers(id, { add: [ann] }), same);
  assert.deepEqual((await members(id)).sort(), ["ann@batch.example", "bob@batch.example"]);
  is(await groups.batchCustomers(id, { remove: [bob, "cus_no"] }), same);
  assert.deepEqual(await members(id), ["ann@batch.example"]);
  is(await groups.batchCustomers(id, {}), same);

  const absent = (name, of) => `You tried to set relationship ${name}: ${of}, but such entity does not exist`;
  const gone = await createdCustomer("gone@batch.example");
  await customers.delete(gone);
  for (const missing of ["cus_no", gone]) {
    await refuses(groups.batchCustomers(id, { add: [bob, missing] }), 404, absent("customer_id", missing));
  }
  await refuses(
    groups.batchCustomers("cusgroup_no", { add: [bob] }),
    404,
    absent("customer_group_id", "cusgroup_no"),
  );
  await refuses(
    groups.batchCustomers("cusgroup_no", { remove: [bob] }),
    404,
    'Customer group with id "cusgroup_no" not found',
  );
  await isInvalid(groups.batchCustomers(id, { add: bob }), `Expected type: 'array' for field 'add', got: '${bob}'`);
  await isInvalid(groups.batchCustomers(id, { add: [{ id: bob }] }), "Field 'add, 0' is required");
  await isInvalid(groups.batchCustomers(id, { customers: [bob] }), "Unrecognized fields: 'customers'");
  await refuses(groups.batchCustomers(id, { add: [bob] }, forged), 401, "Unauthorized");
  assert.deepEqual(await members(id), ["ann@batch.example"]);
});

test("members join and leave as the document has it", async () => {
  const name = "Document";
  const id = await created(name);
  const same = { customer_group: group({ id, name }) };
  const email = "member@document.example";
  const body = { customer_ids: [await createdCustomer(email)] };
  is(await groups.batchCustomers(id, body), same);
  assert.deepEqual(await members(id), [email]);
  const remove = (body) =>
    sdk.client.fetch(`/admin/customer-groups/${id}/customers`, { method: "DELETE", body });
  await isInvalid(remove({}), "Field 'customer_ids' is required");
  assert.deepEqual(await members(id), [email]);
  is(await remove(body), same);
  assert.deepEqual(await members(id), []);
});

test("no method of sdk.admin.customerGroup is left out", assertComplete);
