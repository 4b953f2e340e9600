// The shop under test, which `tests/front_door/sdk.rs` starts, and checks of its answers.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

// The package does not declare its ES modules, and not every Node 20 detects them.
const { default: Medusa, FetchError } = createRequire(import.meta.url)("@medusajs/js-sdk");

function given(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: cargo test --package wares-tests --test front_door sdk`);
  return value;
}

const url = given("SHOP_URL");
const compat = given("SHOP_COMPAT");
assert.ok(["document", "medusa-2"].includes(compat), `SHOP_COMPAT is ${compat}`);

export const email = given("SHOP_EMAIL");
export const password = given("SHOP_PASSWORD");
export const apiKey = given("SHOP_API_KEY");

/** The expected value where the two settings differ. */
export const bySetting = (document, medusa2) => (compat === "document" ? document : medusa2);

/** The limit of a list whose request names none. */
export const defaultLimit = bySetting(15, 50);

/** An SDK of its own, for a client who has not signed in. */
export const client = (options) => new Medusa({ baseUrl: url, ...options });

/** An SDK of its own that keeps its token in memory. */
export const tokenClient = () => client({ auth: { type: "jwt", jwtTokenStorageMethod: "memory" } });

export const sdk = tokenClient();
await sdk.auth.login("user", "emailpass", { email, password });

/** The id of the admin who is signed in. */
export const admin = (await sdk.admin.user.me()).user.id;

/** A header that replaces the right one. */
export const forged = { Authorization: "Bearer x.y.z" };

/** The names of a resource's methods, however the SDK defines them. */
function methods(resource) {
  const own = Object.keys(resource).filter((name) => typeof resource[name] === "function");
  const shared = Object.getOwnPropertyNames(Object.getPrototypeOf(resource));
  return [...own, ...shared].filter((name) => name !== "constructor").sort();
}

/** A resource of the SDK that keeps which of its methods have been answered and which refused. */
export function tracked(resource) {
  const seen = { answered: new Set(), refused: new Set() };
  const proxy = new Proxy(resource, {
    get(target, name) {
      if (typeof target[name] !== "function") return target[name];
      return async (...given) => {
        try {
          const answer = await target[name](...given);
          seen.answered.add(name);
          return answer;
        } catch (error) {
          seen.refused.add(name);
          throw error;
        }
      };
    },
  });
  /** Asserts that each method, also one that a new version adds, has been both. */
  const assertComplete = () => {
    const all = methods(resource);
    const neverAnswered = all.filter((name) => !seen.answered.has(name));
    const neverRefused = all.filter((name) => !seen.refused.has(name));
    assert.deepEqual({ neverAnswered, neverRefused }, { neverAnswered: [], neverRefused: [] });
  };
  return [proxy, assertComplete];
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** An answer with each time as `<time>`. */
function settled(value) {
  if (typeof value === "string") return TIME.test(value) ? "<time>" : value;
  if (Array.isArray(value)) return value.map(settled);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, settled(inner)]));
}

/** Asserts the whole answer, and the order of its keys, which is part of the answer. */
export function is(answer, expected) {
  const got = settled(answer);
  assert.deepEqual(got, expected);
  assert.equal(JSON.stringify(got), JSON.stringify(expected));
}

/** Asserts an id's prefix and its ULID. */
export function isId(id, prefix) {
  assert.match(id, new RegExp(`^${prefix}_[0-9A-HJKMNP-TV-Z]{26}$`));
}

/** Asserts that the SDK throws its own error for a refusal. */
export async function refuses(promise, status, message) {
  const error = await promise.then(
    (answer) => assert.fail(`answered with ${JSON.stringify(answer)}`),
    (error) => error,
  );
  assert.ok(error instanceof FetchError, error);
  assert.deepEqual({ status: error.status, message: error.message }, { status, message });
}

/** Asserts a refusal for what was sent. */
export const isInvalid = (promise, message) => refuses(promise, 400, `Invalid request: ${message}`);

/** A customer as an answer shows it. */
export const customer = (shown) => ({
  id: null,
  company_name: null,
  first_name: null,
  last_name: null,
  email: null,
  phone: null,
  metadata: null,
  has_account: false,
  created_by: admin,
  created_at: "<time>",
  updated_at: "<time>",
  deleted_at: null,
  ...shown,
});

/** A group as an answer shows it. */
export const group = (shown) => ({
  id: null,
  name: null,
  created_by: admin,
  created_at: "<time>",
  updated_at: "<time>",
  deleted_at: null,
  metadata: null,
  ...shown,
});

/** A group among a customer's `groups`. */
export const groupOfCustomer = (shown) => ({
  id: null,
  name: null,
  metadata: null,
  created_by: admin,
  created_at: "<time>",
  updated_at: "<time>",
  deleted_at: null,
  ...shown,
});

/** A customer among a group's `customers`. */
export const customerOfGroup = (shown) => ({
  id: null,
  company_name: null,
  first_name: null,
  last_name: null,
  email: null,
  phone: null,
  has_account: false,
  metadata: null,
  created_by: admin,
  created_at: "<time>",
  updated_at: "<time>",
  deleted_at: null,
  ...shown,
});

/** An address as its own requests show it. */
export const address = (shown) => ({
  id: null,
  address_name: null,
  company: null,
  customer_id: null,
  first_name: null,
  last_name: null,
  address_1: null,
  address_2: null,
  city: null,
  province: null,
  postal_code: null,
  country_code: null,
  phone: null,
  metadata: null,
  created_at: "<time>",
  updated_at: "<time>",
  ...shown,
});

/** An address among a customer's `addresses`. */
export const addressOfCustomer = (shown) => ({
  id: null,
  address_name: null,
  is_default_shipping: false,
  is_default_billing: false,
  company: null,
  first_name: null,
  last_name: null,
  address_1: null,
  address_2: null,
  city: null,
  country_code: null,
  province: null,
  postal_code: null,
  phone: null,
  metadata: null,
  customer_id: null,
  created_at: "<time>",
  updated_at: "<time>",
  deleted_at: null,
  ...shown,
});
