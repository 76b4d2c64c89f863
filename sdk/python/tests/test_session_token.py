"""The session's own token: the exchange (cases 75 and 76), the order of its sources, its renewal."""

import base64
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from claviger_runner import ConfigurationError, ExchangeError, Runner, Secret, Settings, sender
from claviger_runner.exchange import Exchange, Granted
from claviger_runner.session_token import SessionToken
from claviger_runner.transport import Transport
from fake_server import Asked, FakeServer, Say, serving
from worlds import in_minutes

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
PKCS1 = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1).decode()
OAEP = padding.OAEP(mgf=padding.MGF1(algorithm=hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def settings(fake: FakeServer, folder: Path, **more: str) -> Settings:
    environment = {
        "BACKEND_API_URL": fake.url,
        "PROJECT_NAME": "p",
        "SESSION_ID": "abc123session",
        "AMBIENT_CP_TOKEN_URL": f"{fake.url}/3c9a/token",
        "AMBIENT_CP_TOKEN_PUBLIC_KEY": PEM,
        "MCP_CONFIG_FILE": str(folder / "none"),
        **more,
    }
    return Settings.from_environment(environment, allow_loopback=True, bot_token_file=folder / "bot-token")


def exchange(fake: FakeServer, pauses: list[float] | None = None) -> Exchange:
    address = settings(fake, Path("/nonexistent")).exchange
    assert address is not None
    sleep: Callable[[float], None] = (lambda _: None) if pauses is None else pauses.append
    return Exchange(address, PEM, "abc123session", Transport(), sleep)


def test_case_75_the_bearer_decrypts_to_the_session_id() -> None:
    with serving(lambda _: Say(200, {"token": "t", "more": 1})) as fake:
        assert exchange(fake).get() == Granted(Secret("t"), None)
        (asked,) = fake.asked
        assert asked.path == "/3c9a/token" and asked.user is None
        ciphertext = base64.b64decode(asked.bearer.removeprefix("Bearer "), validate=True)
        assert KEY.decrypt(ciphertext, OAEP) == b"abc123session"


def test_case_75_third_attempt_succeeds_with_the_same_ciphertext() -> None:
    pauses: list[float] = []
    with serving(lambda _: Say(500) if len(fake.asked) < 3 else Say(200, {"token": "t"})) as fake:
        assert exchange(fake, pauses).get().token.reveal() == "t"
        assert pauses == [1.0, 2.0]
        assert len({asked.bearer for asked in fake.asked}) == 1


def test_case_75_gives_up_after_three() -> None:
    pauses: list[float] = []
    with serving(lambda _: Say(503)) as fake:
        with pytest.raises(ExchangeError, match="after 3 attempts: the answer was HTTP 503"):
            exchange(fake, pauses).get()
        assert len(fake.asked) == 3 and pauses == [1.0, 2.0]


@pytest.mark.parametrize("body", [{"token": ""}, {"token": "  "}, {}, {"token": 5}, [], b"{", b"", {"token": "a\nb"}])
def test_case_75_empty_token_and_invalid_json_are_errors(body: Any) -> None:
    with serving(lambda _: Say(200, body)) as fake:
        with pytest.raises(ExchangeError):
            exchange(fake).get()
        assert len(fake.asked) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 405, 302])
def test_what_another_attempt_cannot_mend_is_not_repeated(status: int) -> None:
    with serving(lambda _: Say(status)) as fake:
        with pytest.raises(ExchangeError, match=str(status)):
            exchange(fake).get()
        assert len(fake.asked) == 1


@pytest.mark.parametrize("key", ["", "x", PKCS1, PEM.replace("M", "!")])
def test_case_76_the_key_must_be_a_pkix_pem(key: str) -> None:
    with serving(lambda _: Say(200, {"token": "t"})) as fake, pytest.raises(ConfigurationError, match="PUBLIC_KEY"):
        address = settings(fake, Path("/nonexistent")).exchange
        assert address is not None
        Exchange(address, key, "s", Transport())


def test_case_76_the_key_must_be_rsa_and_long_enough() -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    with serving(lambda _: Say(200)) as fake:
        address = settings(fake, Path("/nonexistent")).exchange
        assert address is not None
        for key in (curve, short):
            pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
            with pytest.raises(ConfigurationError, match="no RSA key"):
                Exchange(address, pem, "s", Transport())


def test_case_75_callback_on_each_renewal(tmp_path: Path) -> None:
    seen: list[str] = []

    def fails(_: Secret) -> None:
        raise RuntimeError

    with serving(lambda _: Say(200, {"token": f"t{len(fake.asked)}"})) as fake:
        made = Runner(settings(fake, tmp_path))
        made.on_renewal(lambda token: seen.append(token.reveal()))
        made.on_renewal(fails)
        assert made.session_token() == Secret("t1")
        assert made.session_token() == Secret("t1"), "kept"
        assert seen == ["t1"]


def test_the_order_exchange_then_file_then_variable(tmp_path: Path) -> None:
    with serving(lambda _: Say(200, {"token": "exchanged"})) as fake:
        (tmp_path / "bot-token").write_text("from-file\n")
        with_all = settings(fake, tmp_path, BOT_TOKEN="from-variable")
        assert Runner(with_all).session_token() == Secret("exchanged")
        fake.answer = lambda _: Say(403)
        assert Runner(with_all).session_token() == Secret("from-file")
        (tmp_path / "bot-token").write_text("changed")
        assert Runner(with_all).session_token() == Secret("changed")
        (tmp_path / "bot-token").unlink()
        assert Runner(with_all).session_token() == Secret("from-variable")
        assert Runner(settings(fake, tmp_path)).session_token() is None


def test_case_84_a_refused_session_token_is_exchanged_anew_once_for_all_providers(tmp_path: Path) -> None:
    exchanges: list[str] = []

    def answer(asked: Asked) -> Say:
        if asked.path == "/3c9a/token":
            exchanges.append("x")
            return Say(200, {"token": f"t{len(exchanges)}"})
        return Say(401) if asked.bearer == "Bearer t1" else Say(200, {"token": f"for-{asked.user}"})

    with serving(answer) as fake:
        made = Runner(settings(fake, tmp_path))
        assert made.session_token() == Secret("t1")
        fetched = made.fetch(sender("bob"), ["github", "gitlab", "kubeconfig"])
        assert set(fetched.credentials) == {"github", "gitlab", "kubeconfig"} and not fetched.refused
        assert len(exchanges) == 2
        assert {asked.user for asked in fake.asked if asked.bearer == "Bearer t2"} == {"bob"}


class Sequence:
    """An exchange that grants these in turn and says when it was asked."""

    def __init__(self, *granted: Granted | ExchangeError) -> None:
        self.granted = list(granted)
        self.asked = threading.Semaphore(0)
        self.count = 0

    def get(self) -> Granted:
        found = self.granted[min(self.count, len(self.granted) - 1)]
        self.count += 1
        self.asked.release()
        if isinstance(found, ExchangeError):
            raise found
        return found


def token_of(tmp_path: Path, sequence: Any, now: Callable[[], datetime] | None = None) -> SessionToken:
    made = Settings.from_environment({}, bot_token_file=tmp_path / "none")
    return SessionToken(made, sequence, now)


def test_renewal_starts_at_once_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from claviger_runner import session_token

    monkeypatch.setattr(session_token, "SOONEST_RENEWAL_SECONDS", 0.01)
    monkeypatch.setattr(session_token, "RETRY_SECONDS", (0.01,))
    soon = datetime.now(UTC) + timedelta(seconds=0.02)
    sequence = Sequence(Granted(Secret("t1"), soon), ExchangeError("away"), Granted(Secret("t2")))
    made = token_of(tmp_path, sequence)
    made.start()
    made.start()
    for _ in range(3):
        assert sequence.asked.acquire(timeout=10)
    assert made.get() == Secret("t2")
    made.stop()
    assert sequence.count == 3, "without an expiry the next one is minutes away"


def test_renewal_comes_comfortably_before_the_end(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = token_of(tmp_path, Sequence(), lambda: now)
    assert made._until_renewal(Granted(Secret("t"))) == 240
    assert made._until_renewal(Granted(Secret("t"), now + timedelta(minutes=15))) == 450
    assert made._until_renewal(Granted(Secret("t"), now - timedelta(minutes=1))) == 5


def test_an_ended_token_is_not_used(tmp_path: Path) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    end = now[0] + timedelta(minutes=15)
    sequence = Sequence(Granted(Secret("t1"), end), Granted(Secret("t2"), end + timedelta(minutes=15)))
    made = token_of(tmp_path, sequence, lambda: now[0])
    assert made.get() == Secret("t1")
    now[0] += timedelta(minutes=14, seconds=55)
    assert made.get() == Secret("t2")


def test_the_expiry_is_read(tmp_path: Path) -> None:
    for body in ({"expires_at": in_minutes(15)}, {"expiresAt": in_minutes(15)}, {"expires_in": 900}):
        with serving(lambda _, body=body: Say(200, {"token": "t", **body})) as fake:  # type: ignore[misc]
            granted = exchange(fake).get()
            assert granted.expires_at is not None
            assert abs((granted.expires_at - datetime.now(UTC)).total_seconds() - 900) < 5
    with serving(lambda _: Say(200, {"token": "t", "expires_at": "soon"})) as fake, pytest.raises(ExchangeError, match="expiry"):
        exchange(fake).get()


def test_a_control_plane_that_is_away_is_not_asked_by_every_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence = Sequence(ExchangeError("away"))
    made = token_of(tmp_path, sequence)
    assert [made.get() for _ in range(7)] == [None] * 7
    assert sequence.count == 1
    from claviger_runner import session_token

    monkeypatch.setattr(session_token, "FAILED_FOR_SECONDS", 0.0)
    assert made.get() is None and sequence.count == 2
