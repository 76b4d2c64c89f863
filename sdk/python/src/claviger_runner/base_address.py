"""Which addresses may be sent a bearer.

The environment of a session names the server, and whoever may set a session's environment could name their own. So the host
is held against a list that the environment has no part in: `*.svc`, `*.svc.cluster.local`, what the embedding program
lists, and loopback where the embedding program says so.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from .errors import ConfigurationError

IN_CLUSTER = (".svc", ".svc.cluster.local")
LOOPBACK = frozenset({"localhost", "127.0.0.1"})
DEFAULT_PORTS = {"http": 80, "https": 443}

_LABELS = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Hosts that may be sent a bearer, beyond those of the cluster. Said in code, never read from an environment."""

    loopback: bool = False
    hosts: frozenset[str] = frozenset()

    def accepts(self, host: str) -> bool:
        """Whether this host, in lower case and without a port, is one of them."""
        if host in LOOPBACK:
            return self.loopback
        # A suffix alone is no host; the pattern excludes empty labels.
        return host in self.hosts or (host.endswith(IN_CLUSTER) and _LABELS.fullmatch(host) is not None)


@dataclass(frozen=True, slots=True)
class Address:
    """An address that was looked at. The path is as it was given, and may hold a secret: the exchange's does."""

    scheme: str
    host: str
    port: int
    path: str = field(default="", repr=False)

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`"""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    def __str__(self) -> str:
        return self.origin + self.path

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine."""
        return self.host in LOOPBACK


def check(text: str, name: str, allowed: Allowed) -> Address:
    """Reads an address and holds its host against the list; `name` is the variable that it comes from.

    Raises :class:`ConfigurationError`, whose text never repeats the address: it might have a password in it.
    """
    parts = _split(text, name)
    if parts.scheme not in DEFAULT_PORTS:
        raise ConfigurationError(f"`{name}` is no http or https address")
    if parts.username is not None:
        raise ConfigurationError(f"`{name}` has a user or a password in it; credentials do not belong in an address")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise ConfigurationError(f"`{name}` has a query or a fragment; give the base address alone")
    host = (parts.hostname or "").lower()
    if not host:
        raise ConfigurationError(f"`{name}` names no host")
    if not allowed.accepts(host):
        hosts = "`*.svc`, `*.svc.cluster.local`, and what the program that embeds the runner lists"
        raise ConfigurationError(f"`{name}` names a host that is sent no bearer; allowed are {hosts}")
    return Address(parts.scheme, host, _port(parts, name), parts.path)


def _split(text: str, name: str) -> SplitResult:
    # Programs disagree on what a backslash or a space in an address means; here it means nothing.
    if not text.isascii() or any(character <= " " or character in '\\"<>^`{|}\x7f' for character in text):
        raise ConfigurationError(f"`{name}` has characters that no address has")
    try:
        return urlsplit(text)
    except ValueError:
        raise ConfigurationError(f"`{name}` is no address") from None


def _port(parts: SplitResult, name: str) -> int:
    try:
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"`{name}` has a port that is none") from None
    if parts.netloc.endswith(":") or port == 0:
        raise ConfigurationError(f"`{name}` has a port that is none")
    return DEFAULT_PORTS[parts.scheme] if port is None else port
