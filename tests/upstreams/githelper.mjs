// A helper for gitcredentials(7) in the fewest lines: `get` reads the token from Claviger, `erase` remembers that it was rejected, so that
// the next `get` asks for another. Environment: CLAVIGER_TOKEN_URL, CLAVIGER_BEARER, HELPER_STATE (a file: what was asked, a line each).
import { appendFileSync, existsSync, readFileSync } from "node:fs";

const { CLAVIGER_TOKEN_URL, CLAVIGER_BEARER, HELPER_STATE } = process.env;
const [operation] = process.argv.slice(2);
let asked = "";
for await (const chunk of process.stdin) asked += chunk;
const given = Object.fromEntries(asked.split("\n").filter(Boolean).map((line) => line.split(/=(.*)/s)));

const lines = existsSync(HELPER_STATE) ? readFileSync(HELPER_STATE, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line)) : [];
const note = (entry) => appendFileSync(HELPER_STATE, `${JSON.stringify({ operation, ...entry })}\n`);

if (operation === "get") {
  const last = lines.findLast((line) => line.operation === "get");
  const rejected = last && lines.some((line) => line.operation === "erase" && line.password === last.password);
  const query = rejected ? `?rejected=${last.generation}` : "";
  const answer = await fetch(CLAVIGER_TOKEN_URL + query, { headers: { authorization: `Bearer ${CLAVIGER_BEARER}` } });
  if (!answer.ok) process.exit(1);
  const { token, generation, expires_at } = await answer.json();
  note({ host: given.host, protocol: given.protocol, password: token, generation });
  const ends = expires_at ? `password_expiry_utc=${Math.floor(Date.parse(expires_at) / 1000)}\n` : "";
  process.stdout.write(`username=x-access-token\npassword=${token}\n${ends}\n`);
} else {
  note({ host: given.host, password: given.password });
}
