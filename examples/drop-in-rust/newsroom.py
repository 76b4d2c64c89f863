"""A newsroom to try Paperboy with: `python3 newsroom.py 9000`. It gives every client a new token for an hour, and prints what it was asked."""
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Newsroom(BaseHTTPRequestHandler):
    given = 0

    def do_POST(self):
        print(self.path, self.rfile.read(int(self.headers["content-length"])).decode(), flush=True)
        Newsroom.given += 1
        body = json.dumps({"access_token": f"pb-{self.given}", "token_type": "Bearer", "expires_in": 3600}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

HTTPServer(("127.0.0.1", int(sys.argv[1])), Newsroom).serve_forever()
