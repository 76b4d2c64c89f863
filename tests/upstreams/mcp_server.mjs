// The protocol's own example server, as it comes, but on loopback alone: by itself it listens on every address. Its port is `PORT`.
import { Server } from "node:net";

const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, { port: Number(port), host: "127.0.0.1" }, ...rest);
};
process.argv.splice(2, Infinity, "streamableHttp");
await import("@modelcontextprotocol/server-everything/dist/index.js");
