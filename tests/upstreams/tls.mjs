// TLS before programs that speak plain text: `node tls.mjs KEY CERT TARGET…`, each target `host:port`. A free port on loopback for each, told
// in the order of the targets. What a target sends goes through unread.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { createServer } from "node:tls";
import { ready } from "./loopback.mjs";

const [key, cert, ...targets] = process.argv.slice(2);
const options = { key: readFileSync(key), cert: readFileSync(cert) };

function front(target) {
  const [host, port] = target.split(":");
  const server = createServer(options, (outside) => {
    const inside = connect(Number(port), host);
    const end = () => {
      outside.destroy();
      inside.destroy();
    };
    for (const socket of [outside, inside]) socket.on("error", end).on("close", end);
    outside.pipe(inside).pipe(outside);
  });
  // Who does not believe the certificate breaks off: their business.
  server.on("tlsClientError", () => {});
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server.address().port));
  });
}

ready({ ports: await Promise.all(targets.map(front)) });
