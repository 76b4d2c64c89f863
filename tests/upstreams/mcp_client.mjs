// The protocol's own client. Standard input: {"url", "names"}. It asks the example server for its environment and prints what stands in it under
// these names; where nobody listens, or whoever did has ended before answering, {"refused": true}.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ErrorCode } from "@modelcontextprotocol/sdk/types.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const { url, names } = JSON.parse(text);

// A server that is ended in the middle of an answer says nothing more; the next one is asked anew.
const timeout = 5000;

async function ask() {
  const client = new Client({ name: "claviger-tests", version: "0.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)), { timeout });
  const answer = await client.callTool({ name: "get-env", arguments: {} }, undefined, { timeout });
  await client.close();
  const environment = JSON.parse(answer.content[0].text);
  return Object.fromEntries(names.map((name) => [name, environment[name] ?? null]));
}

const isRefused = (error) =>
  ["ECONNREFUSED", "ECONNRESET", "UND_ERR_SOCKET"].includes(error?.cause?.code) ||
  [ErrorCode.RequestTimeout, ErrorCode.ConnectionClosed].includes(error?.code);
const said = await ask().catch((error) => {
  if (isRefused(error)) return { refused: true };
  throw error;
});
process.stdout.write(JSON.stringify(said));
process.exit(0);
