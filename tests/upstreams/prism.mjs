// GitHub as GitHub describes it: Prism serves the published OpenAPI description, so that paths, methods, bodies and enumerations
// are checked by a program that did not learn them from us.
//
// In front of it, in this process, what the description leaves out:
//  - `/api/v3` is accepted, since a self-managed GitHub has that prefix and the description does not;
//  - `Accept` becomes `application/json`, the only media type that the description lists;
//  - the description has no security schemes, so here `/app…` demands a JWT that this start's key signed, and
//    `/installation/…` and `/users/…` a token that was minted here; `/applications/…` demands the client's id and secret, and
//    `/credentials/revoke` that nobody signs in;
//  - `POST /_expiry {"seconds": 3600}` replaces the example's `expires_at`, which lies in 2016; `{"seconds": null}` brings it back.
//
// Ready line: {"url", "private_key" (PKCS#1 PEM, as GitHub gives it out), "app_id", "client_id", "client_secret"}.
import { createVerify, generateKeyPairSync } from "node:crypto";
import { startPrism } from "./description.mjs";
import { listen, parseJson, readBody, ready, sendJson } from "./loopback.mjs";

const APP_ID = "123456";

const CLIENT = { id: "Iv23liPrism000000000", secret: "prism-client-secret-0123456789abcdef" };
const CLIENT_BASIC = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString("base64")}`;

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const base64 = (text) => Buffer.from(text, "base64url");

/** The claims of a JWT that GitHub would accept from this app, or the message with which it would refuse. */
function verifyAppJwt(authorization) {
  const [, header, payload, signature] = /^bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i.exec(authorization ?? "") ?? [];
  if (!signature) return { refusal: "A JSON web token could not be decoded" };
  try {
    if (JSON.parse(base64(header)).alg !== "RS256") return { refusal: "A JSON web token could not be decoded" };
    const verifier = createVerify("RSA-SHA256").update(`${header}.${payload}`);
    if (!verifier.verify(keys.publicKey, base64(signature))) return { refusal: "A JSON web token could not be decoded" };
    const claims = JSON.parse(base64(payload));
    const now = Math.floor(Date.now() / 1000);
    if (String(claims.iss) !== APP_ID) return { refusal: "'Issuer' claim ('iss') is not this app", claims };
    if (!Number.isInteger(claims.iat) || claims.iat > now) return { refusal: "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued", claims };
    if (!Number.isInteger(claims.exp) || claims.exp <= now) return { refusal: "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires", claims };
    if (claims.exp > now + 600) return { refusal: "'Expiration time' claim ('exp') is too far in the future", claims };
    return { claims };
  } catch {
    return { refusal: "A JSON web token could not be decoded" };
  }
}

const log = [];
const minted = new Set();
let expirySeconds = null;

function authorise(path, request) {
  const authorization = request.headers.authorization;
  if (path.startsWith("/app/") || path === "/app" || /^\/(orgs|repos|users)\/.*\/installation$/.test(path)) return verifyAppJwt(authorization);
  const token = /^(?:bearer|token) (\S+)$/i.exec(authorization ?? "")?.[1];
  if (/^\/(installation|users)\//.test(path)) return minted.has(token) ? {} : { refusal: "Bad credentials" };
  if (path.startsWith("/applications/")) return authorization === CLIENT_BASIC ? {} : { refusal: "Bad credentials" };
  if (path === "/credentials/revoke") return authorization ? { refusal: "This endpoint does not support authenticated requests", status: 403 } : {};
  return token || authorization?.startsWith("Basic ") ? {} : { refusal: "Requires authentication" };
}

async function control(request, response, path) {
  const body = parseJson(await readBody(request), {});
  if (path === "/_log" && request.method === "GET") return sendJson(response, 200, log);
  if (path === "/_log" && request.method === "DELETE") return sendJson(response, 200, { removed: log.splice(0).length });
  if (path === "/_expiry" && request.method === "POST") {
    expirySeconds = body.seconds ?? null;
    return sendJson(response, 200, { seconds: expirySeconds });
  }
  return sendJson(response, 404, { upstream_error: `no control ${request.method} ${path}` });
}

const prismUrl = await startPrism();

const url = await listen(async (request, response) => {
  const target = new URL(request.url, "http://upstream");
  const path = target.pathname.replace(/^\/api\/v3(?=\/)/, "");
  if (path.startsWith("/_")) return control(request, response, path);

  const body = await readBody(request);
  const { refusal, claims, status = 401 } = authorise(path, request);
  const entry = { method: request.method, path: target.pathname, query: target.search, body: body.toString("utf8"), claims, agent: request.headers["user-agent"], version: request.headers["x-github-api-version"] };
  log.push(entry);
  if (refusal) {
    entry.status = status;
    return sendJson(response, status, { message: refusal, documentation_url: "https://docs.github.com/rest" });
  }

  const headers = { accept: "application/json" };
  for (const name of ["content-type", "prefer", "x-github-api-version", "authorization"]) {
    if (request.headers[name]) headers[name] = request.headers[name];
  }
  const withBody = !["GET", "HEAD"].includes(request.method) && body.length > 0;
  const answer = await fetch(prismUrl + path + target.search, { method: request.method, headers, body: withBody ? body : undefined });
  entry.status = answer.status;
  entry.violations = answer.headers.get("sl-violations") ?? undefined;
  const text = await answer.text();

  if (answer.status === 201 && path.endsWith("/access_tokens")) {
    const token = JSON.parse(text);
    minted.add(token.token);
    if (expirySeconds !== null) token.expires_at = new Date(Date.now() + expirySeconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
    return sendJson(response, 201, token);
  }
  const passed = {};
  for (const name of ["content-type", "sl-violations"]) {
    if (answer.headers.has(name)) passed[name] = answer.headers.get(name);
  }
  response.writeHead(answer.status, passed);
  response.end(text);
});

ready({ url, app_id: APP_ID, client_id: CLIENT.id, client_secret: CLIENT.secret, private_key: keys.privateKey.export({ type: "pkcs1", format: "pem" }) });
