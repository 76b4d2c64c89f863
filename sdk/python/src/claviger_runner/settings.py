"""What the environment of a runner says, read once.

The names are those that a control plane gives to the container. What decides which hosts may be sent a bearer is not among
them: see :mod:`claviger_runner.base_address`.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from .base_address import Address, Allowed, check
from .errors import ConfigurationError
from .secret import Secret

BOT_TOKEN_FILE = Path("/var/run/secrets/ambient/bot-token")
MCP_CONFIG_FILE = Path("/app/ambient-runner/.mcp.json")

# One path segment: no slash, nothing to escape, no `.` or `..`.
_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,253}")
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}(/[A-Za-z0-9][A-Za-z0-9_-]{0,62})?")


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Settings:
    """Made by :meth:`from_environment`."""

    base: Address | None = None
    project: str | None = None
    session: str | None = None
    credential_ids: Mapping[str, str] = field(default_factory=_nothing)
    sidecars: Mapping[str, str] = field(default_factory=_nothing)
    is_sidecar_mode: bool = False
    exchange: Address | None = None
    exchange_key: str | None = None
    bot_token: Secret | None = None
    bot_token_file: Path = BOT_TOKEN_FILE
    keeps_credentials: bool = False
    google_client_id: str = ""
    google_client_secret: Secret = field(default_factory=lambda: Secret(""))
    google_key_file: Path | None = None
    mcp_config_file: Path = MCP_CONFIG_FILE
    proxies: Mapping[str, str] = field(default_factory=_nothing)

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        allow_loopback: bool = False,
        allowed_hosts: Iterable[str] = (),
        bot_token_file: Path = BOT_TOKEN_FILE,
    ) -> "Settings":
        """Reads `environment` (the process's own if none is given).

        `allow_loopback` and `allowed_hosts` widen the hosts that may be sent a bearer. They are arguments and no variables
        because whoever can set `BACKEND_API_URL` in a session could set those too. Raises :class:`ConfigurationError`.
        """
        values = os.environ if environment is None else environment
        allowed = Allowed(allow_loopback, frozenset(host.lower() for host in allowed_hosts))

        def text(name: str) -> str | None:
            return values.get(name, "").strip() or None

        def address(name: str) -> Address | None:
            given = text(name)
            return None if given is None else check(given, name, allowed)

        exchange, key = address("AMBIENT_CP_TOKEN_URL"), text("AMBIENT_CP_TOKEN_PUBLIC_KEY")
        if (exchange is None) != (key is None):
            raise ConfigurationError("`AMBIENT_CP_TOKEN_URL` and `AMBIENT_CP_TOKEN_PUBLIC_KEY` come together or not at all")
        base = address("BACKEND_API_URL")
        google_key = text("GOOGLE_APPLICATION_CREDENTIALS")
        bot_token = text("BOT_TOKEN")
        return cls(
            base=None if base is None else replace(base, path=base.path.rstrip("/")),
            project=_name(text("PROJECT_NAME"), "PROJECT_NAME")
            or _name(text("AGENTIC_SESSION_NAMESPACE"), "AGENTIC_SESSION_NAMESPACE"),
            session=_name(text("SESSION_ID"), "SESSION_ID"),
            credential_ids=_map(text("CREDENTIAL_IDS"), "CREDENTIAL_IDS", must_be_names=True),
            sidecars=_map(text("CREDENTIAL_MCP_URLS"), "CREDENTIAL_MCP_URLS", must_be_names=False),
            is_sidecar_mode=_is_true(text("CREDENTIAL_SIDECAR_MODE")),
            exchange=exchange,
            exchange_key=key,
            bot_token=None if bot_token is None else Secret(bot_token),
            bot_token_file=bot_token_file,
            keeps_credentials=_is_true(text("KEEP_CREDENTIALS_PERSISTENT")),
            google_client_id=text("GOOGLE_OAUTH_CLIENT_ID") or "",
            google_client_secret=Secret(text("GOOGLE_OAUTH_CLIENT_SECRET") or ""),
            google_key_file=None if google_key is None else Path(google_key),
            mcp_config_file=Path(text("MCP_CONFIG_FILE") or MCP_CONFIG_FILE),
            proxies=_proxies(values),
        )


def check_provider(name: str) -> str:
    """A provider's name as it stands in a path: `github`, or `mcp/weather`."""
    if not _PROVIDER.fullmatch(name):
        raise ConfigurationError(f"`{name}` is no name of a provider")
    return name


def _name(text: str | None, variable: str) -> str | None:
    if text is not None and not _NAME.fullmatch(text):
        raise ConfigurationError(f"`{variable}` is no name: letters, digits, `.`, `_` and `-` are")
    return text


def _map(text: str | None, variable: str, *, must_be_names: bool) -> Mapping[str, str]:
    if text is None:
        return MappingProxyType({})
    try:
        read = json.loads(text)
    except ValueError:
        raise ConfigurationError(f"`{variable}` is no JSON; expected is an object of texts") from None
    if not isinstance(read, dict) or not all(isinstance(value, str) for value in read.values()):
        raise ConfigurationError(f"`{variable}` is JSON, but no object of texts")
    for provider, value in read.items():
        check_provider(provider)
        if must_be_names and not _NAME.fullmatch(value):
            raise ConfigurationError(f"`{variable}` has something else than an id for `{provider}`")
    return MappingProxyType(read)


def _is_true(text: str | None) -> bool:
    return (text or "").lower() == "true"


def _proxies(values: Mapping[str, str]) -> Mapping[str, str]:
    """`HTTPS_PROXY` and `NO_PROXY`, in either case; plain http never goes over a proxy (see :mod:`claviger_runner.transport`)."""
    proxy = values.get("https_proxy") or values.get("HTTPS_PROXY") or ""
    without = values.get("no_proxy") or values.get("NO_PROXY") or ""
    return MappingProxyType({"https": proxy, "no": without} if proxy else {})
