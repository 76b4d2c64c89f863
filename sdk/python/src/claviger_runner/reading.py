"""From the server's JSON to a credential. Pure; what cannot be read is an error that has nothing of the answer in it."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .credentials import (
    CodeRabbit,
    Credential,
    Gerrit,
    GerritInstance,
    GitHub,
    GitLab,
    Google,
    GoogleKey,
    Jira,
    Kubeconfig,
    McpServer,
    Other,
)
from .secret import Secret

Body = Mapping[str, Any]

MAX_REASON_CHARACTERS = 300


class Unreadable(Exception):
    """The answer is not what an answer of this provider looks like."""


def credential(provider: str, body: bytes) -> Credential | None:
    """What a 200 of this provider holds; `None` if there is no token in it. Raises :class:`Unreadable`."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("the answer is no JSON") from None
    if provider == "gerrit":
        return _gerrit(read)
    if not isinstance(read, dict):
        raise Unreadable("the answer is no JSON object")
    if read.get("provider", provider) not in (provider, ""):
        raise Unreadable("the answer is another provider's")
    if provider.startswith("mcp/"):
        return _mcp(provider.removeprefix("mcp/"), read)
    reader = _READERS.get(provider)
    if reader is not None:
        return reader(read)
    token = _secret(read, "token")
    return Other(provider, token, _expiry(read)) if token else None


def reason(body: bytes) -> str | None:
    """Why there is none, in the server's words: `error` of the session's form, `reason` of the other. Fit to be shown."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict):
        return None
    for key in ("error", "reason"):
        text = read.get(key)
        if isinstance(text, str) and text.strip():
            return "".join(c if c.isprintable() else " " for c in text).strip()[:MAX_REASON_CHARACTERS]
    return None


def moment(text: object) -> datetime | None:
    """RFC 3339, as it is in JSON. A time without a zone is UTC."""
    if not isinstance(text, str) or not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable("a time in the answer is none") from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _github(body: Body) -> Credential | None:
    token = _secret(body, "token")
    instance = _text(body, "instanceUrl") or _text(body, "url")
    return GitHub(token, _text(body, "userName"), _text(body, "email"), instance, _expiry(body)) if token else None


def _gitlab(body: Body) -> Credential | None:
    token = _secret(body, "token")
    instance = _text(body, "instanceUrl") or _text(body, "url")
    return GitLab(token, _text(body, "userName"), _text(body, "email"), instance, _expiry(body)) if token else None


def _jira(body: Body) -> Credential | None:
    token = _secret(body, "apiToken") or _secret(body, "token")
    return Jira(token, _text(body, "url"), _text(body, "email"), _expiry(body)) if token else None


def _google(body: Body) -> Credential | None:
    access, email = _secret(body, "accessToken"), _text(body, "email")
    if access:
        scopes = body.get("scopes") or []
        if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
            raise Unreadable("`scopes` is no list of texts")
        return Google(access, _secret(body, "refreshToken"), email, tuple(scopes), _expiry(body))
    key = _secret(body, "token")
    if not key:
        return None
    try:
        is_document = isinstance(json.loads(key.reveal()), dict)
    except (ValueError, RecursionError):
        is_document = False
    if not is_document:
        raise Unreadable("there is no `accessToken`, and `token` is no key file")
    return GoogleKey(key, email, _expiry(body))


def _coderabbit(body: Body) -> Credential | None:
    key = _secret(body, "apiKey") or _secret(body, "token")
    return CodeRabbit(key, _expiry(body)) if key else None


def _kubeconfig(body: Body) -> Credential | None:
    text = _secret(body, "token", may_have_lines=True)
    return Kubeconfig(text, _expiry(body)) if text else None


def _gerrit(read: object) -> Credential | None:
    """A list; an object with `instances`, as the server's own form has it; or one instance alone."""
    found: object = read
    if isinstance(read, dict):
        found = read.get("instances", [read] if "url" in read else [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreadable("`instances` is no list of objects")
    instances = tuple(
        GerritInstance(
            _text(one, "instanceName") or "gerrit",
            _text(one, "url"),
            _text(one, "username"),
            _secret(one, "httpToken"),
            _secret(one, "gitcookiesContent", may_have_lines=True),
        )
        for one in found
    )
    return Gerrit(instances) if instances else None


def _mcp(server: str, body: Body) -> Credential | None:
    fields = body.get("fields") or {}
    if not isinstance(fields, dict):
        raise Unreadable("`fields` is no object")
    return McpServer(server, {name: _secret(fields, name) for name in fields}) if fields else None


_READERS: Mapping[str, Callable[[Body], Credential | None]] = {
    "github": _github,
    "gitlab": _gitlab,
    "jira": _jira,
    "google": _google,
    "coderabbit": _coderabbit,
    "kubeconfig": _kubeconfig,
}


def _text(body: Body, key: str) -> str:
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or not value.isprintable():
        raise Unreadable(f"`{key}` is no text of one line")
    return value


def _secret(body: Body, key: str, *, may_have_lines: bool = False) -> Secret:
    """Without what would end a variable, a header or a line early."""
    value = body.get(key)
    if value is None:
        return Secret("")
    if not isinstance(value, str) or "\0" in value:
        raise Unreadable(f"`{key}` is no text")
    # A pasted key file may have lines; a token that goes into a header or a git answer may not.
    if not may_have_lines and not value.lstrip().startswith("{") and not value.isprintable():
        raise Unreadable(f"`{key}` is no text of one line")
    return Secret(value)


def _expiry(body: Body) -> datetime | None:
    return moment(body.get("expiresAt") or body.get("expires_at"))
