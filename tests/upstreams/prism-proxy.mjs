// Prism between a client and the emulated GitHub: every request and every answer of the REST interface is compared with GitHub's
// published description, in both directions. What the description does not cover, the OAuth pages, goes straight through.
//
// Arguments: the emulated GitHub. Ready line: {"url"}. `GET /_log` lists {method, path, status, violations}.
import { listen, readBody, ready, sendJson } from "./loopback.mjs";
import { startPrism } from "./description.mjs";

const [emulator] = process.argv.slice(2);
const log = [];
const prism = await startPrism(`${emulator}/api/v3`);

const PASSED = ["content-type", "location", "date", "retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "x-oauth-scopes"];

const url = await listen(async (request, response) => {
  const target = new URL(request.url, "http://upstream");
  if (target.pathname === "/_log") return sendJson(response, 200, log);
  const body = await readBody(request);
  const described = target.pathname.startsWith("/api/v3/");
  const headers = {};
  for (const name of ["accept", "content-type", "authorization", "user-agent", "x-github-api-version", "x-github-stateless-s2s-token"]) {
    if (request.headers[name]) headers[name] = request.headers[name];
  }
  // The description lists no other media type.
  if (described) headers.accept = "application/json";
  const address = described ? prism + target.pathname.slice("/api/v3".length) : emulator + target.pathname;
  const withBody = !["GET", "HEAD"].includes(request.method) && body.length > 0;
  const options = { method: request.method, headers, body: withBody ? body : undefined, redirect: "manual" };
  const answer = await fetch(address + target.search, options);
  const violations = answer.headers.get("sl-violations");
  log.push({ method: request.method, path: target.pathname, status: answer.status, violations: violations ? JSON.parse(violations) : [] });
  const passed = {};
  for (const name of PASSED) {
    if (answer.headers.has(name)) passed[name] = answer.headers.get(name);
  }
  response.writeHead(answer.status, passed);
  response.end(Buffer.from(await answer.arrayBuffer()));
});

ready({ url });
