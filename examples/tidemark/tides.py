"""A Tidemark to try the drop-ins with: `python3 tides.py 9001`. Every key gets a token for an hour, and it prints what it was asked."""
import datetime, json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Tidemark(BaseHTTPRequestHandler):
    given = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0)).decode()
        print(self.path, self.headers["authorization"] or "", body, flush=True)
        Tidemark.given += 1
        ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        answer = {"access_token": f"tmt-{self.given}", "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ"), "expires_in": 3600}
        # Whoever refreshes needs this the next time.
        answer["refresh_token"] = f"tmr-{self.given}"
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

HTTPServer(("127.0.0.1", int(sys.argv[1])), Tidemark).serve_forever()
