"""The one way out: bounds, redirects, proxies, TLS."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from claviger_runner import Settings, sender
from claviger_runner.base_address import Address
from claviger_runner.gather import gather
from claviger_runner.transport import MAX_BODY_BYTES, Transport, Unreachable
from fake_server import Say, only, serving
from worlds import FOUR, bearer, runner


@contextmanager
def raw(reply: bytes, *, then_drips: bool = False, closes: bool = True) -> Iterator[int]:
    """A listener that sends these bytes, whatever it is asked."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        try:
            connection.recv(65536)
            connection.sendall(reply)
            while then_drips and not stop.wait(0.05):
                connection.sendall(b"x")
            if closes:
                connection.close()
            else:
                stop.wait(60)
        except OSError:
            pass

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        listener.close()


def local(port: int, scheme: str = "http", host: str = "127.0.0.1") -> Address:
    return Address(scheme, host, port, "")


@pytest.mark.parametrize(
    "reply, drips",
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\nX: ", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", True),
        (b"HTTP/1.1 200 OK\r\n\r\n{", True),
    ],
)
def test_the_whole_request_has_one_bound(reply: bytes, drips: bool) -> None:
    """A byte now and then resets a socket's own timeout for ever."""
    with raw(reply, then_drips=drips, closes=False) as port:
        begin = time.monotonic()
        with pytest.raises(Unreachable, match="no answer within"):
            Transport().get(local(port), "/", {}, 0.5)
        assert time.monotonic() - begin < 5


def test_an_answer_that_breaks_off_is_none() -> None:
    with (
        raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"token": "half"}') as port,
        pytest.raises(Unreachable, match="broke off"),
    ):
        Transport().get(local(port), "/", {}, 5)


def test_no_more_than_a_mebibyte_is_read(tmp_path: Path) -> None:
    with serving(lambda _: Say(200, b" " * (MAX_BODY_BYTES + 1))) as fake:
        fetched = runner(fake.url, tmp_path).fetch(sender("bob"), ["github"])
        assert fetched.missing["github"].reason == "the answer is larger than 1 MiB"
        fake.answer = lambda _: Say(200, b'{"token": "t"}'.ljust(MAX_BODY_BYTES))
        assert runner(fake.url, tmp_path).fetch(sender("bob"), ["github"]).credentials


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(tmp_path: Path, status: int) -> None:
    with serving(only(github=FOUR["github"])) as other:
        say = Say(status, {}, {"Location": f"{other.url}/projects/p/agentic-sessions/s/credentials/github"})
        with serving(lambda _: say) as fake:
            fetched = runner(fake.url, tmp_path).fetch(sender("bob", caller_token=bearer("bob")), ["github"])
            assert fetched.missing["github"].cause == "unavailable"
        assert not other.asked


def test_a_library_complaint_does_not_repeat_the_bearer() -> None:
    with serving(only()) as fake, pytest.raises(Unreachable) as caught:
        port = int(fake.url.rpartition(":")[2])
        Transport().get(local(port), "/", {"Authorization": "Bearer canary\n"}, 5)
    assert "canary" not in str(caught.value) and caught.value.__cause__ is None


def proxied(port: int, **more: str) -> Transport:
    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "HTTP_PROXY": f"http://127.0.0.1:{port}", **more}
    return Transport(Settings.from_environment(environment).proxies)


def test_https_goes_over_the_proxy_which_sees_no_bearer() -> None:
    with recording() as (port, seen):
        with pytest.raises(Unreachable):
            proxied(port).get(local(8443, "https", "claviger.tools.svc"), "/x", {"Authorization": "Bearer canary"}, 5)
        assert seen and seen[0].startswith(b"CONNECT claviger.tools.svc:8443 ")
        assert not any(b"canary" in said for said in seen)


@pytest.mark.parametrize("host, scheme", [("claviger.tools.svc", "http"), ("127.0.0.1", "http"), ("localhost", "https")])
def test_plain_http_and_loopback_do_not(host: str, scheme: str) -> None:
    with recording() as (port, seen):
        with pytest.raises(Unreachable):
            proxied(port).get(local(9, scheme, host), "/", {"Authorization": "Bearer canary"}, 5)
        assert not seen


def test_no_proxy_is_heard() -> None:
    with recording() as (port, seen):
        with pytest.raises(Unreachable):
            proxied(port, NO_PROXY=".svc").get(local(8443, "https", "claviger.tools.svc"), "/", {}, 5)
        assert not seen


@contextmanager
def recording() -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that notes what it is told and refuses."""
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        listener.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return key, cert


def test_tls_is_verified_against_ssl_cert_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, cert = certificate(tmp_path)
    with serving(lambda _: Say(200, {"token": "t"})) as fake:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        fake.server.socket = context.wrap_socket(fake.server.socket, server_side=True)
        where = local(int(fake.url.rpartition(":")[2]), "https", "localhost")
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            Transport().get(where, "/", {}, 5)
        assert not fake.asked
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        assert Transport().get(where, "/", {}, 5).status == 200


def test_providers_are_asked_side_by_side(tmp_path: Path) -> None:
    together = threading.Barrier(7)

    def answer(_: object) -> Say:
        together.wait(timeout=10)
        return Say(404)

    with serving(answer) as fake:
        fetched = runner(fake.url, tmp_path).fetch(sender("bob"))
        assert {missing.cause for missing in fetched.missing.values()} == {"not-configured"}


def test_a_slow_provider_takes_nothing_from_the_others(tmp_path: Path) -> None:
    stop = threading.Event()

    def answer(asked: object) -> Say:
        if fake.of("gitlab") and getattr(asked, "provider", "") == "gitlab":
            stop.wait(30)
        return only(**FOUR)(asked)  # type: ignore[arg-type]

    with serving(answer) as fake:
        made = runner(fake.url, tmp_path)
        begin = time.monotonic()
        fetched = gather(made._fetcher, made.providers, sender("bob"), provider_seconds=0.5, overall_seconds=5)
        assert time.monotonic() - begin < 4
        assert set(fetched.credentials) == {"github", "jira", "google"}
        assert fetched.missing["gitlab"].cause == "unavailable"
        stop.set()


def test_all_of_them_have_one_bound_too(tmp_path: Path) -> None:
    stop = threading.Event()
    with serving(lambda _: (stop.wait(30), Say(404))[1]) as fake:
        made = runner(fake.url, tmp_path)
        begin = time.monotonic()
        names = [f"provider{number}" for number in range(40)]
        fetched = gather(made._fetcher, names, sender("bob"), provider_seconds=0.5, overall_seconds=0.8)
        assert time.monotonic() - begin < 4
        assert len(fetched.missing) == 40 and not fetched.credentials
        stop.set()
