// Repositories behind Basic authentication, as GitHub serves them: `git http-backend` does the work, and a password is good if the emulated
// GitHub takes it for a token of an installation that reaches the repository. What is asked below `/api/v3` goes to that GitHub, so that this
// is an instance whose repositories and interface are on one host.
//
// Arguments: the folder with the bare repositories (`ACCOUNT/NAME.git`), the emulated GitHub's REST base. Ready line: {"url"}.
import { spawn } from "node:child_process";
import { listen, readBody, ready, sendJson } from "./loopback.mjs";

const [root, api] = process.argv.slice(2);
const log = [];

/** Whether that user and token may reach that repository. */
async function allowed(authorization, repository) {
  const [, pair] = /^Basic ([A-Za-z0-9+/=]+)$/.exec(authorization ?? "") ?? [];
  if (!pair) return false;
  const [user, token] = Buffer.from(pair, "base64").toString("utf8").split(/:(.*)/s);
  // GitHub takes any name beside a token; this one is what its documentation says.
  if (user !== "x-access-token") return false;
  const answer = await fetch(`${api}/installation/repositories`, { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) return false;
  return (await answer.json()).repositories.some((reached) => reached.full_name === repository);
}

async function passOn(request, target, body, response) {
  const headers = {};
  for (const name of ["accept", "content-type", "authorization", "user-agent", "x-github-api-version"]) {
    if (request.headers[name]) headers[name] = request.headers[name];
  }
  const address = api + target.pathname.slice("/api/v3".length) + target.search;
  const answer = await fetch(address, { method: request.method, headers, body: body.length > 0 ? body : undefined, redirect: "manual" });
  response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "application/json" });
  response.end(Buffer.from(await answer.arrayBuffer()));
}

function backend(request, target, body) {
  const environment = {
    PATH: process.env.PATH,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: "1",
    GIT_CONFIG_NOSYSTEM: "1",
    REQUEST_METHOD: request.method,
    PATH_INFO: target.pathname,
    QUERY_STRING: target.search.slice(1),
    CONTENT_TYPE: request.headers["content-type"] ?? "",
    CONTENT_LENGTH: String(body.length),
    HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
    GIT_PROTOCOL: request.headers["git-protocol"] ?? "",
    // Without a user it serves no push.
    REMOTE_USER: "x-access-token",
    REMOTE_ADDR: "127.0.0.1",
  };
  return new Promise((resolve, reject) => {
    const child = spawn("git", ["http-backend"], { env: environment, stdio: ["pipe", "pipe", "ignore"] });
    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", () => resolve(Buffer.concat(chunks)));
    child.stdin.on("error", () => {});
    child.stdin.end(body);
  });
}

const url = await listen(async (request, response) => {
  const target = new URL(request.url, "http://host");
  if (target.pathname === "/_log") return sendJson(response, 200, log);
  const body = await readBody(request);
  if (target.pathname.startsWith("/api/v3/")) return passOn(request, target, body, response);
  const [, repository] = /^\/([^/]+\/[^/]+)\.git\//.exec(target.pathname) ?? [];
  const may = repository !== undefined && (await allowed(request.headers.authorization, repository));
  log.push({ path: target.pathname, authenticated: request.headers.authorization !== undefined, status: may ? 200 : 401 });
  if (!may) {
    response.writeHead(401, { "www-authenticate": 'Basic realm="GitHub"' });
    return response.end();
  }
  const answer = await backend(request, target, body);
  const end = answer.indexOf("\r\n\r\n");
  const headers = answer
    .subarray(0, end)
    .toString("latin1")
    .split("\r\n")
    .map((line) => line.split(/: (.*)/s));
  const status = headers.find(([name]) => name.toLowerCase() === "status")?.[1] ?? "200";
  response.writeHead(Number.parseInt(status, 10), Object.fromEntries(headers.filter(([name]) => name.toLowerCase() !== "status")));
  response.end(answer.subarray(end + 4));
});

ready({ url });
