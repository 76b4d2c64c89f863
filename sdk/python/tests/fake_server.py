"""A server of credentials on loopback that answers what a test says and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request: what of it the tests look at."""

    path: str
    headers: Mapping[str, str]

    @property
    def provider(self) -> str:
        """The last part of the session's form."""
        return self.path.partition("/credentials/")[2]

    @property
    def bearer(self) -> str:
        return self.headers.get("authorization", "")

    @property
    def user(self) -> str | None:
        return self.headers.get("x-runner-current-user")


@dataclass(frozen=True)
class Say:
    """An answer. A body that is no bytes becomes JSON."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Answerer = Callable[[Asked], Say]

NOT_CONFIGURED = Say(404, {"error": "no such credentials"})


class FakeServer:
    """`answer` may be replaced while it runs."""

    def __init__(self, answer: Answerer) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()})
                with fake._lock:
                    fake.asked.append(asked)
                say = fake.answer(asked)
                self.send_response(say.status)
                self.send_header("Content-Length", str(len(say.content)))
                for name, value in say.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(say.content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            # Hundreds of turns at once.
            request_queue_size = 256

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Who asked has gone: that is what some of the tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def of(self, provider: str) -> list[Asked]:
        """What was asked about one provider."""
        with self._lock:
            return [asked for asked in self.asked if asked.provider == provider]


@contextmanager
def serving(answer: Answerer) -> Iterator[FakeServer]:
    fake = FakeServer(answer)
    thread = threading.Thread(target=fake.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.server.shutdown()
        fake.server.server_close()
        thread.join()


def only(**answers: Any) -> Answerer:
    """These providers' answers (a body, or a whole `Say`), and 404 for the others."""

    def answer(asked: Asked) -> Say:
        found = answers.get(asked.provider, NOT_CONFIGURED)
        return found if isinstance(found, Say) else Say(200, found)

    return answer
