"""What git is told: whose commits these are, and whom to ask for a token.

All through the environment (`GIT_CONFIG_COUNT`, git 2.31 and newer): no file of git's is touched, and two turns never share one.
"""

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from . import git_credential
from .base_address import DEFAULT_PORTS, LOOPBACK
from .credentials import Credential, GitHub, GitLab
from .places import Places
from .sender import Sender

DEFAULT_NAME = "Ambient Code Bot"
DEFAULT_EMAIL = "bot@ambient-code.local"

# More than anybody sets; a count from outside does not decide how long this works.
MAX_PAIRS = 1000

_USER_NAMES = {"github": "x-access-token", "gitlab": "oauth2"}


@dataclass(frozen=True, slots=True)
class Host:
    """As git names one: `host` has the port where that is not the protocol's own."""

    protocol: str
    host: str


def hosts(credential: GitHub | GitLab) -> tuple[Host, ...]:
    """Those that the credential's instance is, exactly; none if its address makes no sense."""
    default = "https://github.com" if isinstance(credential, GitHub) else "https://gitlab.com"
    try:
        parts = urlsplit(credential.instance or default)
        port = parts.port
    except ValueError:
        return ()
    name = (parts.hostname or "").lower()
    # In clear text only to this machine: that is a development server's emulator.
    if not name or parts.scheme not in DEFAULT_PORTS or (parts.scheme == "http" and name not in LOOPBACK):
        return ()
    if isinstance(credential, GitHub) and name in ("github.com", "www.github.com", "api.github.com"):
        return (Host("https", "github.com"), Host("https", "gist.github.com"))
    suffix = "" if port in (None, DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return (Host(parts.scheme, name + suffix),)


def store(credentials: Mapping[str, Credential], places: Places) -> bytes:
    """What the helper serves from: for each host, which file has the token."""
    entries = []
    for provider, path in (("github", places.github_token), ("gitlab", places.gitlab_token)):
        credential = credentials.get(provider)
        if not isinstance(credential, GitHub | GitLab):
            continue
        expires_at = None if credential.expires_at is None else int(credential.expires_at.timestamp())
        for host in hosts(credential):
            entries.append(
                {
                    "protocol": host.protocol,
                    "host": host.host,
                    "username": _USER_NAMES[provider],
                    "password_file": str(path),
                    "expires_at": expires_at,
                }
            )
    return json.dumps(entries).encode()


def helper_command(git_store: Path) -> str:
    """For a shell. Isolated: what lies in the repository that git works in is not imported."""
    program = Path(git_credential.__file__).resolve()
    return shlex.join([sys.executable or "python3", "-I", str(program), "--from", str(git_store)])


def helper_script(git_store: Path) -> bytes:
    """The same as a program, for git configurations that name one."""
    return f'#!/bin/sh\nexec {helper_command(git_store)} "$@"\n'.encode()


def identity(credentials: Mapping[str, Credential], who: Sender) -> tuple[str, str]:
    """Name and mail address of the commits: GitHub's, else GitLab's, else what is known of the sender, else the bot's."""
    name, email = who.user_name or who.user_id or "", ""
    if who.user_id is not None and "@" in who.user_id.strip("@"):
        email = who.user_id
    for provider in ("gitlab", "github"):
        credential = credentials.get(provider)
        if isinstance(credential, GitHub | GitLab):
            name, email = credential.user_name or name, credential.email or email
    return name or DEFAULT_NAME, email or DEFAULT_EMAIL


def variables(base: Mapping[str, str], name: str, email: str, git_store: Path | None) -> dict[str, str]:
    """The identity, and a helper (if there is a store) in place of every other: those may know somebody else's tokens."""
    pairs = [("user.name", name), ("user.email", email), ("credential.helper", "")]
    if git_store is not None:
        pairs.append(("credential.helper", "!" + helper_command(git_store)))
    begin = _count(base)
    made = {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": email,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": email,
        "GIT_USER_NAME": name,
        "GIT_USER_EMAIL": email,
        "GIT_CONFIG_COUNT": str(begin + len(pairs)),
    }
    for number, (key, value) in enumerate(pairs, start=begin):
        made |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return made


def without_credentials(base: Mapping[str, str]) -> dict[str, str]:
    """`base` without the pairs that say who somebody is, or let git in somewhere; the others are numbered anew."""
    kept = [
        (base.get(f"GIT_CONFIG_KEY_{number}", ""), base.get(f"GIT_CONFIG_VALUE_{number}", ""))
        for number in range(min(_count(base), MAX_PAIRS))
    ]
    kept = [(key, value) for key, value in kept if key and not _is_personal(key.lower())]
    made = {name: value for name, value in base.items() if not name.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"))}
    made.pop("GIT_CONFIG_COUNT", None)
    if kept:
        made["GIT_CONFIG_COUNT"] = str(len(kept))
    for number, (key, value) in enumerate(kept):
        made |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return made


def _is_personal(key: str) -> bool:
    return key.startswith(("user.", "author.", "committer.", "credential.")) or key.endswith((".extraheader", ".cookiefile"))


def _count(base: Mapping[str, str]) -> int:
    """How many pairs there are already. What is no number, git itself refuses; it is left to it no longer."""
    text = base.get("GIT_CONFIG_COUNT", "")
    return int(text) if text.isascii() and text.isdigit() else 0
