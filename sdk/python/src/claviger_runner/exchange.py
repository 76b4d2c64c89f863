"""A token for the session, from the control plane.

The session's id, encrypted with the control plane's public key, is the bearer. RSA-OAEP with SHA-256 needs `cryptography`:
`pip install 'claviger-runner[exchange]'`.
"""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .base_address import Address
from .errors import ConfigurationError, ExchangeError
from .reading import Unreadable, moment
from .secret import Secret
from .sender import is_header_value
from .transport import Transport, Unreachable

ATTEMPT_SECONDS = 10.0
PAUSES_SECONDS = (1.0, 2.0)
MIN_KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class Granted:
    """A token, and when it ends if the answer says so."""

    token: Secret
    expires_at: datetime | None = None


class Exchange:
    """Asks for one. Everything about it that can be wrong is found when it is made."""

    def __init__(
        self, address: Address, public_key: str, session: str, transport: Transport, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._address = address
        self._encrypt = _encryption(public_key)
        self._session = session
        self._transport = transport
        self._sleep = sleep

    def get(self) -> Granted:
        """Three attempts with the same ciphertext, a second and two apart. Raises :class:`ExchangeError`.

        Repeated is what another attempt can mend: no answer, 429, and 5xx.
        """
        ciphertext = base64.b64encode(self._encrypt(self._session.encode())).decode()
        headers = {"Authorization": f"Bearer {ciphertext}"}
        why = ""
        for pause in (*PAUSES_SECONDS, None):
            try:
                answer = self._transport.get(self._address, "", headers, ATTEMPT_SECONDS)
            except Unreachable as error:
                why = str(error)
            else:
                if answer.status == 200:
                    return _read(answer.body)
                why = f"the answer was HTTP {answer.status}"
                if answer.status != 429 and answer.status < 500:
                    raise ExchangeError(f"the control plane refused the session: {why}")
            if pause is not None:
                self._sleep(pause)
        raise ExchangeError(f"no token from the control plane after {len(PAUSES_SECONDS) + 1} attempts: {why}")


def _read(body: bytes) -> Granted:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        raise ExchangeError("the control plane's answer is no JSON") from None
    token = read.get("token") if isinstance(read, dict) else None
    if not isinstance(token, str) or not token.strip():
        raise ExchangeError("the control plane's answer has no token")
    if not is_header_value(token):
        raise ExchangeError("the control plane's token has characters that no header has")
    try:
        expires_at = moment(read.get("expires_at") or read.get("expiresAt"))
    except Unreadable:
        raise ExchangeError("the control plane's answer has an expiry that is no time") from None
    seconds = read.get("expires_in")
    if expires_at is None and isinstance(seconds, int) and 0 < seconds < 10**9:
        expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    return Granted(Secret(token), expires_at)


def _encryption(public_key: str) -> Callable[[bytes], bytes]:
    name = "AMBIENT_CP_TOKEN_PUBLIC_KEY"
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError:
        raise ConfigurationError("the exchange needs `cryptography`: pip install 'claviger-runner[exchange]'") from None
    text = public_key.strip()
    # PKCS#1 (`RSA PUBLIC KEY`) loads too, and other clients of the exchange refuse it: better said than found out there.
    if not text.startswith("-----BEGIN PUBLIC KEY-----"):
        raise ConfigurationError(f"`{name}` is no PEM of the form `PUBLIC KEY`")
    try:
        key = serialization.load_pem_public_key(text.encode())
    except Exception:
        raise ConfigurationError(f"`{name}` does not read as a public key") from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise ConfigurationError(f"`{name}` is no RSA key of {MIN_KEY_BITS} bits or more")
    rsa_key = key
    oaep = padding.OAEP(mgf=padding.MGF1(algorithm=hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    return lambda plain: rsa_key.encrypt(plain, oaep)
