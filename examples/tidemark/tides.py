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
        ends = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
        # Whoever refreshes needs the refresh token the next time.
        self.answer({"access_token": f"tmt-{self.given}", "expires_at": ends, "expires_in": 3600, "refresh_token": f"tmr-{self.given}"})

    def do_GET(self):
        print(self.path, self.headers["authorization"] or "", flush=True)
        self.answer({"id": 42, "login": "ada", "name": "Ada", "email": "ada@tidemark.example", "harbours": ["Whitby"]})

    def answer(self, fields):
        body = json.dumps(fields).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

HTTPServer(("127.0.0.1", int(sys.argv[1])), Tidemark).serve_forever()
