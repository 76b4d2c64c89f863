// GitHub's published description, as far as the paths go that matter here, and Prism serving or checking it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { createLogger } = require("@stoplight/prism-core");
const { getHttpOperationsFromSpec } = require("@stoplight/prism-http");
const { createServer } = require("@stoplight/prism-http-server");

// All 13 MB of the description take eleven seconds to load; these paths take one or two.
const PATHS = [
  "/app",
  "/app/installations",
  "/app/installations/{installation_id}",
  "/app/installations/{installation_id}/access_tokens",
  "/installation/repositories",
  "/installation/token",
  "/orgs/{org}/installation",
  "/repos/{owner}/{repo}/installation",
  "/users/{username}/installation",
  "/users/{username}",
  "/applications/{client_id}/token",
  "/applications/{client_id}/token/scoped",
  "/applications/{client_id}/grant",
  "/credentials/revoke",
  "/rate_limit",
  "/user",
  "/user/emails",
];

function slice(document) {
  const components = {};
  const take = (value) => {
    if (Array.isArray(value)) return value.forEach(take);
    if (value === null || typeof value !== "object") return;
    if (typeof value.$ref === "string") {
      const [, , section, name] = value.$ref.split("/");
      components[section] ??= {};
      if (!(name in components[section])) {
        components[section][name] = document.components[section][name];
        take(components[section][name]);
      }
    }
    Object.values(value).forEach(take);
  };
  const paths = Object.fromEntries(
    PATHS.map((path) => {
      if (!(path in document.paths)) throw new Error(`the description has no path ${path}`);
      return [path, document.paths[path]];
    }),
  );
  take(paths);
  // Only the root as a server: the described one is https://api.github.com.
  return { openapi: document.openapi, info: document.info, servers: [{ url: "/" }], paths, components };
}

/** Starts Prism and answers its address: serving the description's examples, or, with `upstream`, checking what goes there and comes back. */
export async function startPrism(upstream) {
  const file = require.resolve("@octokit/openapi/generated/api.github.com.json");
  const operations = await getHttpOperationsFromSpec(slice(JSON.parse(readFileSync(file, "utf8"))));
  const checks = { validateRequest: true, validateResponse: true, checkSecurity: true, errors: false };
  const config = upstream
    ? { ...checks, isProxy: true, upstream: new URL(upstream), upstreamProxy: undefined, mock: false }
    : { ...checks, isProxy: false, mock: { dynamic: false, ignoreExamples: false } };
  const prism = createServer(operations, { cors: false, config, components: { logger: createLogger("prism", { level: "silent" }) } });
  return prism.listen(0, "127.0.0.1");
}
