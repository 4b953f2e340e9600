// Signing in, refreshing, sessions, keys and signing out.

import assert from "node:assert/strict";
import { test } from "node:test";

import { admin, email, password, refused, settled, stranger } from "./shop.mjs";

test("a user signs in, refreshes the token, and signs out", async () => {
  const client = stranger();
  await refused(client.admin.user.me(), 401, "Unauthorized");
  const token = await client.auth.login("user", "emailpass", { email, password });
  assert.equal(token.split(".").length, 3);
  const { user } = await client.admin.user.me();
  assert.deepEqual(settled(user, { id: user.id }), {
    id: "<id>",
    first_name: null,
    last_name: null,
    email,
    avatar_url: null,
    metadata: null,
    created_at: "<time>",
    updated_at: "<time>",
    deleted_at: null,
  });
  const { token: fresh } = await client.auth.refresh();
  assert.equal(await client.client.getToken(), fresh);
  assert.deepEqual(await client.admin.user.me(), { user });
  await client.auth.logout();
  await refused(client.admin.user.me(), 401, "Unauthorized");
});

test("who cannot sign in is told so", async () => {
  const client = stranger();
  const wrong = { email, password: "guess" };
  await refused(client.auth.login("user", "emailpass", wrong), 401, "Invalid email or password");
  await refused(client.auth.login("user", "emailpass", { email }), 401, "Password should be a string");
  await refused(
    client.auth.login("user", "nosuch", { email, password }),
    400,
    "The actor type user is not allowed to use the auth provider nosuch",
  );
  await refused(client.auth.refresh(), 401, "Unauthorized");
});

test("the ways to sign in are listed for anybody", async () => {
  assert.deepEqual(await stranger().auth.listProviders("user"), {
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

test("a session lasts from signing in to signing out", async (context) => {
  // Node keeps no cookies; a browser would.
  let cookie = "";
  const original = globalThis.fetch;
  context.after(() => {
    globalThis.fetch = original;
  });
  globalThis.fetch = async (input, init) => {
    const headers = new Headers(init?.headers);
    if (cookie !== "") headers.set("cookie", cookie);
    const answer = await original(input, { ...init, headers });
    for (const set of answer.headers.getSetCookie()) {
      const [pair, ...attributes] = set.split("; ");
      assert.ok(attributes.includes("HttpOnly") && attributes.includes("SameSite=Lax"), set);
      cookie = attributes.includes("Max-Age=0") ? "" : pair;
    }
    return answer;
  };
  const client = stranger({ auth: { type: "session" } });
  await client.auth.login("user", "emailpass", { email, password });
  assert.match(cookie, /^connect\.sid=[0-9a-f]{64}$/);
  assert.equal((await client.admin.user.me()).user.email, email);
  await client.auth.refresh();
  assert.equal((await client.admin.user.me()).user.email, email);
  const ended = cookie;
  await client.auth.logout();
  assert.equal(cookie, "");
  cookie = ended;
  await refused(client.admin.user.me(), 401, "Unauthorized");
});

test("a secret key works until it is revoked", async () => {
  const client = await admin();
  const { api_key: key } = await client.admin.apiKey.create({ title: "Import", type: "secret" });
  assert.match(key.token, /^sk_[0-9a-f]{64}$/);
  const program = stranger({ apiKey: key.token });
  const { customers } = await program.admin.customer.list({ fields: "id" });
  assert.deepEqual(customers, []);
  const { api_keys: keys, count } = await client.admin.apiKey.list({ q: "imp", type: "secret" });
  assert.deepEqual([keys.map((one) => [one.id, one.token, one.redacted]), count], [[[key.id, "", key.redacted]], 1]);
  const renamed = await client.admin.apiKey.update(key.id, { title: "Nightly import" });
  assert.equal(renamed.api_key.title, "Nightly import");
  assert.deepEqual(await client.admin.apiKey.retrieve(key.id), renamed);
  await refused(client.admin.apiKey.retrieve("apk_nope"), 404, "API Key with id: apk_nope was not found");
  await refused(client.admin.apiKey.delete(key.id), 400, `Cannot delete api keys that are not revoked - ${key.id}`);
  const revoked = await client.admin.apiKey.revoke(key.id, {});
  assert.notEqual(revoked.api_key.revoked_at, null);
  await refused(program.admin.customer.list(), 401, "Unauthorized");
  assert.deepEqual(await client.admin.apiKey.delete(key.id), { id: key.id, object: "api_key", deleted: true });
});
