"""One GET, with bounds.

No redirect is followed, since it would carry a bearer to a place that nobody looked at. TLS is verified, against what
`SSL_CERT_FILE` names if it is set. A proxy is used for https alone, where it sees nothing but a host's name: over plain http it
would read the bearer, and it is named by the session's environment. Loopback never goes over a proxy.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .base_address import Address

# The largest answer that is read. A token is a few kilobytes at most; a kubeconfig tens of them.
MAX_BODY_BYTES = 1024 * 1024
COMMON_HEADERS = {"Accept": "application/json", "User-Agent": "claviger-runner/0.1"}


class Unreachable(Exception):
    """No whole answer came. Its text says why, and has nothing of the request in it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body. The body has secrets in it, so it is not shown."""

    status: int
    body: bytes

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"


class Transport:
    """How requests leave. Safe to use from several threads."""

    def __init__(self, proxies: Mapping[str, str] | None = None) -> None:
        self._proxies = dict(proxies or {})
        self._tls = ssl.create_default_context()

    def get(self, address: Address, path: str, headers: Mapping[str, str], seconds: float) -> Answer:
        """Asks for `path` below `address`, at most for so many seconds in all. Raises :class:`Unreachable`."""
        if seconds <= 0:
            raise Unreachable("no time was left to ask")
        call = _Call(self._tls, seconds)
        watch = threading.Timer(seconds, call.abort)
        watch.daemon = True
        watch.start()
        request = urllib.request.Request(f"{address}{path}", headers={**COMMON_HEADERS, **headers}, method="GET")
        try:
            with self._opener(address, call).open(request, timeout=seconds) as response:
                body = response.read(MAX_BODY_BYTES + 1)
                status, left = int(response.status), response.length
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(_why(error, call.is_aborted, seconds)) from None
        finally:
            watch.cancel()
            call.close()
        if call.is_aborted:
            raise Unreachable(f"no answer within {seconds:.0f} s")
        if len(body) > MAX_BODY_BYTES:
            raise Unreachable("the answer is larger than 1 MiB")
        if left:
            raise Unreachable("the answer broke off")
        return Answer(status, body)

    def _opener(self, address: Address, call: "_Call") -> urllib.request.OpenerDirector:
        """Without the handlers that follow redirects, raise on a status, or open files and ftp."""
        opener = urllib.request.OpenerDirector()
        if address.scheme == "https" and not address.is_loopback:
            proxies = {"https": self._proxies["https"]} if self._is_proxied(address.host) else {}
            opener.add_handler(urllib.request.ProxyHandler(proxies))
        opener.add_handler(call.plain_handler())
        opener.add_handler(call.secured_handler())
        opener.add_handler(urllib.request.UnknownHandler())
        return opener

    def _is_proxied(self, host: str) -> bool:
        if "https" not in self._proxies:
            return False
        # The standard library's own rule, on the environment as it was when the settings were read.
        return not urllib.request.proxy_bypass_environment(host, self._proxies)  # type: ignore[attr-defined]


class _Call:
    """The socket of one request, so that the watch can end it wherever it hangs: a timeout of a socket is one per packet."""

    def __init__(self, tls: ssl.SSLContext, seconds: float) -> None:
        self._tls = tls
        self._seconds = seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_aborted = False

    def abort(self) -> None:
        with self._lock:
            self.is_aborted = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _connect(self, *where: Any, **more: Any) -> socket.socket:
        connected = socket.create_connection(*where, **more)
        with self._lock:
            if self.is_aborted:
                connected.close()
                raise TimeoutError
            # A second handle: TLS takes the first one away, and this one ends the same connection.
            self._socket = connected.dup()
        return connected

    def plain_handler(self) -> urllib.request.BaseHandler:
        call = self

        class Handler(urllib.request.HTTPHandler):
            def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(call._plain, req)

        return Handler()

    def secured_handler(self) -> urllib.request.BaseHandler:
        call = self

        class Handler(urllib.request.HTTPSHandler):
            def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(call._secured, req)

        return Handler(context=self._tls)

    def _plain(self, host: str, /, **more: Any) -> http.client.HTTPConnection:
        return self._noted(http.client.HTTPConnection(host, timeout=self._seconds))

    def _secured(self, host: str, /, **more: Any) -> http.client.HTTPConnection:
        return self._noted(http.client.HTTPSConnection(host, timeout=self._seconds, context=self._tls))

    def _noted(self, connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
        connection._create_connection = self._connect  # type: ignore[attr-defined]
        return connection


def _why(error: Exception, is_aborted: bool, seconds: float) -> str:
    cause = getattr(error, "reason", error)
    if is_aborted or isinstance(cause, TimeoutError):
        return f"no answer within {seconds:.0f} s"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "the server's certificate is not trusted"
    if isinstance(cause, ConnectionRefusedError):
        return "the connection was refused"
    # The kind alone: a text of the library's may repeat what was sent.
    return f"the connection failed ({type(cause).__name__})"
