// An issuer of JWT access tokens: an OpenID provider that is certified and that nobody here wrote, with an RSA and an EC key of its own.
//
//  - people: `POST /_seed {"account", "algorithm"}` → {"refresh_token"}, a first grant without a browser; the provider's own `/token` then
//    makes the access token, whose `preferred_username` is the account;
//  - the service: `/token` with client credentials; its `sub` is the client's id;
//  - in a browser: the public client `claviger-cli`, PKCE demanded, any port of 127.0.0.1. Whoever comes to `/_interaction/…` is
//    the person that `?account=` names, or declines with `?deny`;
//  - `GET /_log`: the parameters of each `/token` that was granted.
//
// Ready line: {"url", "client_id", "client_secret"}. Tokens are for the audience `claviger`.
import { generateKeyPairSync, randomBytes, webcrypto } from "node:crypto";
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

const CLIENT_ID = "control-plane-client";
const CLIENT_SECRET = randomBytes(24).toString("hex");
const BROWSER_CLIENT = "claviger-cli";
// One resource for each algorithm: the provider signs by resource.
const RESOURCES = { RS256: "urn:claviger:rsa", ES256: "urn:claviger:ec", PS256: "urn:claviger:pss" };

const jwk = (pair, fields) => ({ ...pair.privateKey.export({ format: "jwk" }), use: "sig", ...fields });
const keys = [
  jwk(generateKeyPairSync("rsa", { modulusLength: 2048 }), { kid: "rsa-1" }),
  jwk(generateKeyPairSync("ec", { namedCurve: "P-256" }), { kid: "ec-1", alg: "ES256" }),
];

function resource(identifier) {
  const [algorithm] = Object.entries(RESOURCES).find(([, known]) => known === identifier) ?? [];
  if (!algorithm) throw new Error(`no resource ${identifier}`);
  return { scope: "api", audience: "claviger", accessTokenTTL: 300, accessTokenFormat: "jwt", jwt: { sign: { alg: algorithm } } };
}

function makeProvider(issuer) {
  return new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: ["http://127.0.0.1/callback"],
        grant_types: ["authorization_code", "refresh_token", "client_credentials"],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_post",
        scope: "openid offline_access api",
      },
      {
        client_id: BROWSER_CLIENT,
        application_type: "native",
        redirect_uris: ["http://127.0.0.1/callback"],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
        scope: "openid offline_access api",
      },
    ],
    pkce: { required: (_context, client) => client.clientId === BROWSER_CLIENT },
    interactions: { url: (_context, interaction) => `/_interaction/${interaction.uid}` },
    scopes: ["openid", "offline_access", "api"],
    ttl: { AccessToken: 300, RefreshToken: 300, ClientCredentials: 300, Grant: 600, IdToken: 300 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, identifier) => resource(identifier),
        useGrantedResource: () => true,
      },
    },
    extraTokenClaims: (_context, token) => (token.accountId ? { preferred_username: token.accountId } : undefined),
    cookies: { keys: [randomBytes(16).toString("hex")] },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
  });
}

async function seed(provider, account, algorithm) {
  const grant = new provider.Grant({ accountId: account, clientId: CLIENT_ID });
  grant.addOIDCScope("openid offline_access");
  grant.addResourceScope(RESOURCES[algorithm], "api");
  const grantId = await grant.save();
  const client = await provider.Client.find(CLIENT_ID);
  const token = new provider.RefreshToken({
    accountId: account,
    client,
    grantId,
    scope: "openid offline_access api",
    resource: RESOURCES[algorithm],
    gty: "authorization_code",
    rotations: 0,
    iiat: Math.floor(Date.now() / 1000),
  });
  return { refresh_token: await token.save(), resource: RESOURCES[algorithm] };
}

async function interaction(request, response, query) {
  const { params } = await provider.interactionDetails(request, response);
  if (query.has("deny")) {
    const declined = { error: "access_denied", error_description: "the person declined" };
    return provider.interactionFinished(request, response, declined);
  }
  const accountId = query.get("account");
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  if (params.resource) grant.addResourceScope(params.resource, "api");
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result);
}

const log = [];
let provider;
const url = await listen(async (request, response) => {
  if (request.url === "/_seed") {
    const { account, algorithm } = parseJson(await readBody(request), {});
    return sendJson(response, 200, await seed(provider, account, algorithm));
  }
  if (request.url === "/_log") return sendJson(response, 200, log);
  const { pathname, searchParams } = new URL(request.url, "http://issuer");
  if (pathname.startsWith("/_interaction/")) return interaction(request, response, searchParams);
  return provider.callback()(request, response);
});
provider = makeProvider(url);
provider.on("grant.success", (context) => log.push({ ...context.oidc.params }));

ready({ url, client_id: CLIENT_ID, client_secret: CLIENT_SECRET });
