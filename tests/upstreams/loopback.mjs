// What every upstream here has in common: a free port on loopback, one JSON line on stdout when it listens, an end when stdin
// closes (so that nothing is left behind, even when the test was killed), and a log of requests at `GET /_log`.
import { createServer } from "node:http";

// Libraries talk on stdout; that line belongs to the one who started us.
const announce = process.stdout.write.bind(process.stdout);
console.log = console.info = console.debug = console.error;

/** Listens on a free loopback port and answers its address. */
export function listen(handler) {
  const server = createServer((request, response) => {
    handler(request, response).catch((error) => {
      console.error(error);
      if (!response.headersSent) sendJson(response, 500, { upstream_error: String(error) });
      else response.destroy();
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

/** Says where we are, and from then on lives as long as stdin is open. */
export function ready(fields) {
  process.stdin.once("end", () => process.exit(0));
  process.stdin.once("error", () => process.exit(0));
  process.stdin.resume();
  announce(`${JSON.stringify(fields)}\n`);
}

/** The body of a request, at most 1 MiB. */
export async function readBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > 1 << 20) throw new Error("request body over 1 MiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Answers JSON. */
export function sendJson(response, status, value, headers = {}) {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length, ...headers });
  response.end(body);
}

/** JSON, or `fallback` for an empty body. */
export function parseJson(body, fallback) {
  return body.length === 0 ? fallback : JSON.parse(body.toString("utf8"));
}
