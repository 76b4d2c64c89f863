// A refresh that rotates, by an OpenID provider that is certified and that nobody here wrote: the old refresh token is dead after
// one use, and using it again kills the whole family.
//
// Dressed as GitLab's paths, so that the GitLab provider can talk to it: `/oauth/token`, `/oauth/revoke`, `/oauth/introspect`, and
// `/api/v4/user` for whoever a token belongs to. Everything else is the provider's own.
//
//  - `POST /_seed {"account"}` → {"refresh_token", "grant_id"}: a first grant without a browser;
//  - `POST /_check {"token"}` → {"active", "account", "scope"}: what the provider itself thinks of an access token;
//  - `POST /_check_refresh {"token"}` → {"active", "consumed"}.
//
// Ready line: {"url", "client_id", "client_secret"}. Argument: seconds that an access token lives (60 unless given).
import { randomBytes, webcrypto } from "node:crypto";
import Provider from "oidc-provider";
import { listen, parseJson, readBody, ready, sendJson } from "./loopback.mjs";

// What oidc-provider uses and Debian 12's Node.js 18 lacks.
globalThis.crypto ??= webcrypto;
URL.parse ??= (text, base) => {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
};

const CLIENT_ID = "claviger-under-test";
const CLIENT_SECRET = randomBytes(24).toString("hex");
const SCOPE = "openid offline_access api";
const accessTokenSeconds = Number(process.argv[2] ?? 60);

const GITLAB_PATHS = {
  "/oauth/token": "/token",
  "/oauth/revoke": "/token/revocation",
  "/oauth/introspect": "/token/introspection",
};

function makeProvider(issuer) {
  return new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: ["http://127.0.0.1/callback"],
        grant_types: ["authorization_code", "refresh_token", "client_credentials"],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    scopes: SCOPE.split(" "),
    rotateRefreshToken: true,
    ttl: { AccessToken: accessTokenSeconds, RefreshToken: 300, ClientCredentials: 60, Grant: 600 },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      introspection: { enabled: true },
      clientCredentials: { enabled: true },
    },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  });
}

async function seed(provider, account) {
  const grant = new provider.Grant({ accountId: account, clientId: CLIENT_ID });
  grant.addOIDCScope(SCOPE);
  const grantId = await grant.save();
  const client = await provider.Client.find(CLIENT_ID);
  const token = new provider.RefreshToken({ accountId: account, client, grantId, scope: SCOPE, gty: "authorization_code", rotations: 0, iiat: Math.floor(Date.now() / 1000) });
  return { refresh_token: await token.save(), grant_id: grantId };
}

async function check(provider, token) {
  const found = await provider.AccessToken.find(token ?? "");
  return found?.isValid ? { active: true, account: found.accountId, scope: found.scope, expires_at: found.exp } : { active: false };
}

async function checkRefresh(provider, token) {
  const found = await provider.RefreshToken.find(token ?? "");
  return { active: Boolean(found?.isValid), consumed: Boolean(found?.consumed) };
}

const log = [];
let provider;

async function own(request, response, path) {
  if (path === "/_log" && request.method === "GET") return sendJson(response, 200, log);
  if (path === "/_log" && request.method === "DELETE") return sendJson(response, 200, { removed: log.splice(0).length });
  if (path === "/api/v4/user") {
    const token = /^bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const { active, account } = await check(provider, token);
    if (!active) return sendJson(response, 401, { error: "invalid_token", error_description: "The access token was revoked" });
    return sendJson(response, 200, { id: 1, username: account, name: account, email: `${account}@example.test` });
  }
  const body = parseJson(await readBody(request), {});
  if (path === "/_seed") return sendJson(response, 200, await seed(provider, body.account ?? "alice"));
  if (path === "/_check") return sendJson(response, 200, await check(provider, body.token));
  if (path === "/_check_refresh") return sendJson(response, 200, await checkRefresh(provider, body.token));
  return sendJson(response, 404, { upstream_error: `no control ${request.method} ${path}` });
}

const url = await listen(async (request, response) => {
  const { pathname, search } = new URL(request.url, "http://upstream");
  if (pathname.startsWith("/_") || pathname === "/api/v4/user") return own(request, response, pathname);
  const entry = { method: request.method, path: pathname, type: request.headers["content-type"] };
  log.push(entry);
  response.once("finish", () => (entry.status = response.statusCode));
  request.url = (GITLAB_PATHS[pathname] ?? pathname) + search;
  await provider.callback()(request, response);
});
provider = makeProvider(url);

ready({ url, client_id: CLIENT_ID, client_secret: CLIENT_SECRET });
