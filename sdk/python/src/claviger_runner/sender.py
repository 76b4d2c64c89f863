"""Whose message is being answered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .errors import IdentityError
from .secret import Secret

MAX_CHARACTERS = 255

_OUTSIDE_IDS = re.compile(r"[^a-zA-Z0-9@._-]")


@dataclass(frozen=True, slots=True)
class Sender:
    """A person, or nobody (a schedule, a key) if there is no `user_id`. Made by :func:`sender`."""

    user_id: str | None = None
    user_name: str | None = None
    caller_token: Secret | None = None

    @property
    def header(self) -> str | None:
        """The id as the header `X-Runner-Current-User` has it."""
        return None if self.user_id is None else _sanitised(self.user_id)

    def is_same_person(self, other: "Sender") -> bool:
        """By the whole id: `a/b` and `ab` share a header, and are two people."""
        return self.user_id == other.user_id

    def without_token(self) -> "Sender":
        """The same person, for who remembers them beyond a message."""
        return replace(self, caller_token=None)

    def __repr__(self) -> str:
        # Names and mail addresses stay out of logs.
        return f"Sender({'nobody' if self.user_id is None else 'somebody'})"


def sender(user_id: str | None = None, user_name: str | None = None, caller_token: str | Secret | None = None) -> Sender:
    """Reads what the proxy says of a message. A name without an id is no identity and is dropped.

    `caller_token` is the whole value of an `Authorization` header (`Bearer …`) and is sent as it is. Raises
    :class:`IdentityError` where an id is given of which nothing is left, and where a token could not stand in a header.
    """
    who = (user_id or "").strip()
    if not who and user_id:
        raise IdentityError("the id of the sender is blank")
    if who and not _sanitised(who):
        raise IdentityError("the id of the sender has no character that the header may have")
    name = "".join(character for character in user_name or "" if character.isprintable()).strip()[:MAX_CHARACTERS]
    return Sender(who or None, (name or None) if who else None, _token(caller_token))


def from_headers(headers: Mapping[str, str]) -> Sender:
    """The same from the headers of a request: `x-current-user-id`, `x-current-user-name`, `x-caller-token`, in any case."""
    lower = {name.lower(): value for name, value in headers.items()}
    return sender(lower.get("x-current-user-id"), lower.get("x-current-user-name"), lower.get("x-caller-token"))


def _sanitised(user_id: str) -> str:
    return _OUTSIDE_IDS.sub("", user_id[:MAX_CHARACTERS])


def _token(given: str | Secret | None) -> Secret | None:
    token = given if isinstance(given, Secret) else Secret(given or "")
    if not token:
        return None
    if not is_header_value(token.reveal()):
        raise IdentityError("the caller's token has characters that no header has")
    return token


def is_header_value(text: str) -> bool:
    """Printable ASCII. Looked at here, because the standard library's own complaint repeats the value."""
    return text.isascii() and text.isprintable()
