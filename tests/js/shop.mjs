// A shop to test, as the environment names it, and what the tests ask of it.

import assert from "node:assert/strict";

import sdk from "@medusajs/js-sdk";

const Medusa = sdk.default ?? sdk;

function variable(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: cargo test starts a shop for these tests, and sets it`);
  return value;
}

const baseUrl = variable("WARES_URL");
export const email = variable("WARES_ADMIN_EMAIL");
export const password = variable("WARES_ADMIN_PASSWORD");
/** Whether the shop answers as a Medusa where that differs from the API's document. */
export const asMedusa = variable("WARES_COMPAT") === "medusa-2";

/** The SDK with nobody signed in. */
export function stranger(options = {}) {
  return new Medusa({ baseUrl, auth: { type: "jwt", jwtTokenStorageMethod: "memory" }, ...options });
}

/** The SDK with the admin signed in. */
export async function admin() {
  const client = stranger();
  await client.auth.login("user", "emailpass", { email, password });
  return client;
}

/** A value with each time in it as `<time>`, and each of the ids as its name. */
export function settled(value, names = {}) {
  let text = JSON.stringify(value);
  for (const [name, id] of Object.entries(names)) {
    text = text.replaceAll(id, `<${name}>`);
  }
  text = text.replaceAll(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/g, '"<time>"');
  return JSON.parse(text);
}

/** That a call is refused in just this way. */
export async function refused(call, status, message) {
  await assert.rejects(call, (error) => {
    assert.deepEqual([error.status, error.message], [status, message]);
    return true;
  });
}

/** That these tests call each method of a resource, so that none that is new goes untested. */
export function hasMethods(resource, methods) {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(resource));
  assert.deepEqual(names.filter((name) => name !== "constructor").sort(), methods.sort());
}
