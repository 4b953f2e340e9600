// Signing in with the SDK: tokens, sessions, secret API keys.

import assert from "node:assert/strict";
import test from "node:test";

import {
  admin, apiKey, client, customer, email, is, isId, password, refuses, tokenClient,
} from "./shop.mjs";

const credentials = { email, password };

const user = {
  id: admin,
  first_name: null,
  last_name: null,
  email,
  avatar_url: null,
  metadata: null,
  created_at: "<time>",
  updated_at: "<time>",
  deleted_at: null,
};

/** The payload of a token, with its times as its lifetime. */
function payload(token) {
  const { iat, exp, ...rest } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  return { ...rest, lifetime_s: exp - iat };
}

/**
 * Keeps cookies for requests that are sent with credentials, and says with them which page asks, as a browser
 * does and Node's fetch does not. The page is one of the shop's own.
 */
function keepCookies(t) {
  const cookies = new Map();
  const fetch = globalThis.fetch;
  t.after(() => (globalThis.fetch = fetch));
  globalThis.fetch = async (input, init) => {
    if (init.credentials !== "include") return fetch(input, init);
    const headers = new Headers(init.headers);
    const sent = [...cookies].map(([name, value]) => `${name}=${value}`);
    if (sent.length > 0) headers.set("cookie", sent.join("; "));
    headers.set("origin", new URL(input).origin);
    const answer = await fetch(input, { ...init, headers });
    for (const cookie of answer.headers.getSetCookie()) {
      const [name, value] = cookie.split(";")[0].split("=", 2);
      cookies.set(name, value);
    }
    return answer;
  };
  return cookies;
}

test("a user signs in with email and password", async () => {
  const sdk = tokenClient();
  const token = await sdk.auth.login("user", "emailpass", credentials);
  const { auth_identity_id, ...rest } = payload(token);
  isId(auth_identity_id, "authid");
  assert.deepEqual(rest, {
    actor_id: admin,
    actor_type: "user",
    auth_provider: "emailpass",
    mfa_enabled: false,
    mfa_challenge_completed_at: null,
    app_metadata: { user_id: admin },
    user_metadata: {},
    generation: 0,
    lifetime_s: 24 * 60 * 60,
  });
  is(await sdk.admin.user.me(), { user });
});

test("wrong credentials are refused", async () => {
  const sdk = tokenClient();
  const login = (body, provider = "emailpass") => sdk.auth.login("user", provider, body);
  await refuses(login({ email, password: "guess" }), 401, "Invalid email or password");
  await refuses(login({ email: "nobody@shop.example", password }), 401, "Invalid email or password");
  await refuses(login({ email }), 401, "Password should be a string");
  await refuses(
    login(credentials, "nosuch"),
    400,
    "The actor type user is not allowed to use the auth provider nosuch",
  );
  await refuses(sdk.admin.user.me(), 401, "Unauthorized");
  await refuses(sdk.admin.customer.list(), 401, "Unauthorized");
});

test("a token is refreshed", async () => {
  const sdk = tokenClient();
  const old = await sdk.auth.login("user", "emailpass", credentials);
  const { token, ...rest } = await sdk.auth.refresh();
  assert.deepEqual(rest, {});
  assert.deepEqual(payload(token), payload(old));
  assert.equal(await sdk.client.getToken(), token, "the SDK goes on with the fresh one");
  is(await sdk.admin.user.me(), { user });
  await refuses(tokenClient().auth.refresh(), 401, "Unauthorized");
});

test("who has signed out is not let in", async () => {
  const sdk = tokenClient();
  await sdk.auth.login("user", "emailpass", credentials);
  is(await sdk.admin.user.me(), { user });
  await sdk.auth.logout();
  await refuses(sdk.admin.user.me(), 401, "Unauthorized");
});

test("a session begins with the login and ends with the logout", async (t) => {
  const cookies = keepCookies(t);
  const sdk = client({ auth: { type: "session" } });
  await refuses(sdk.admin.user.me(), 401, "Unauthorized");
  const token = await sdk.auth.login("user", "emailpass", credentials);
  assert.deepEqual([...cookies.keys()], ["connect.sid"]);
  is(await sdk.admin.user.me(), { user });

  const made = await sdk.admin.customer.create({ email: "session@auth.example" });
  is(made, { customer: customer({ id: made.customer.id, email: "session@auth.example" }) });

  const fresh = await sdk.auth.refresh({ Authorization: `Bearer ${token}` });
  assert.deepEqual(payload(fresh.token), payload(token));
  is(await sdk.admin.user.me(), { user });

  const ended = new Map(cookies);
  await sdk.auth.logout();
  await refuses(sdk.admin.user.me(), 401, "Unauthorized");
  for (const [name, value] of ended) cookies.set(name, value);
  await refuses(sdk.admin.user.me(), 401, "Unauthorized");
});

test("a session needs a token", async (t) => {
  const cookies = keepCookies(t);
  const sdk = client({ auth: { type: "session" } });
  await refuses(sdk.auth.login("user", "emailpass", { email, password: "guess" }), 401, "Invalid email or password");
  const begin = (headers) => sdk.client.fetch("/auth/session", { method: "POST", headers });
  await refuses(begin({ Authorization: "Bearer x.y.z" }), 401, "Unauthorized");
  await refuses(begin({}), 401, "Unauthorized");
  assert.equal(cookies.size, 0);
});

test("a secret API key opens the shop", async () => {
  const sdk = client({ apiKey });
  const made = await sdk.admin.customer.create({ email: "key@auth.example" });
  const { id, created_by } = made.customer;
  isId(created_by, "apk");
  is(made, { customer: customer({ id, email: "key@auth.example", created_by }) });
  is(await sdk.admin.customer.retrieve(id, { fields: "created_by" }), { customer: { created_by, id } });
  is(await sdk.admin.customer.delete(id), { id, object: "customer", deleted: true });

  const last = apiKey.at(-1) === "0" ? "1" : "0";
  for (const wrong of [`sk_${"0".repeat(64)}`, apiKey.slice(0, -1) + last, "sk_"]) {
    await refuses(client({ apiKey: wrong }).admin.customer.list(), 401, "Unauthorized");
  }
});

test("the ways to sign in are listed for anybody", async () => {
  is(await client().auth.listProviders("user"), {
    providers: [
      {
        id: "emailpass",
        identifier: "emailpass",
        display_name: "Email/Password Authentication",
        flow: "credentials",
      },
    ],
  });
});

test("a user sees what is asked for", async () => {
  const sdk = tokenClient();
  await sdk.auth.login("user", "emailpass", credentials);
  is(await sdk.admin.user.me({ fields: "email" }), { user: { email, id: admin } });
  await refuses(sdk.admin.user.me({ nope: "x" }), 400, "Invalid request: Unrecognized fields: 'nope'");
});

test("secret keys are made, renamed, revoked and deleted", async () => {
  const sdk = tokenClient();
  await sdk.auth.login("user", "emailpass", credentials);
  const keys = sdk.admin.apiKey;
  const { api_key: made } = await keys.create({ title: "Import", type: "secret" });
  isId(made.id, "apk");
  assert.match(made.token, /^sk_[0-9a-f]{64}$/);
  const program = client({ apiKey: made.token });
  is(await program.admin.customer.list({ email: "nobody@auth.example", fields: "id", limit: 1 }), {
    customers: [],
    count: 0,
    offset: 0,
    limit: 1,
  });
  const key = {
    ...made,
    title: "Nightly import",
    token: "",
    last_used_at: "<time>",
    updated_at: "<time>",
    created_at: "<time>",
  };
  is(await keys.update(made.id, { title: "Nightly import" }), { api_key: key });
  is(await keys.retrieve(made.id), { api_key: key });
  is(await keys.list({ q: "nightly", type: "secret" }), { api_keys: [key], count: 1, offset: 0, limit: 20 });
  await refuses(keys.delete(made.id), 400, `Cannot delete api keys that are not revoked - ${made.id}`);
  is(await keys.revoke(made.id, {}), { api_key: { ...key, revoked_at: "<time>", revoked_by: admin } });
  await refuses(program.admin.customer.list(), 401, "Unauthorized");
  is(await keys.delete(made.id), { id: made.id, object: "api_key", deleted: true });
  await refuses(keys.retrieve(made.id), 404, `API Key with id: ${made.id} was not found`);
  await refuses(keys.create({ title: "x" }), 400, "Invalid request: Field 'type' is required");
});
