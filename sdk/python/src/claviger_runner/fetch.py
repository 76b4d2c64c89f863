"""One provider's credential for one sender: which address, which bearer, and what an answer means.

The sender's own bearer comes first. If the server no longer takes it, the session's own follows, with the sender's id beside
it, and never without: the session alone would be answered with somebody else's credentials.
"""

import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .base_address import Address
from .credentials import Credential
from .reading import Unreadable, credential, reason
from .sender import Sender
from .session_token import SessionToken
from .settings import Settings
from .transport import Answer, Transport, Unreachable

DISPLAY_NAMES = {
    "github": "GitHub",
    "gitlab": "GitLab",
    "jira": "Jira",
    "google": "Google",
    "coderabbit": "CodeRabbit",
    "gerrit": "Gerrit",
}

_log = logging.getLogger("claviger_runner")


@dataclass(frozen=True, slots=True)
class Missing:
    """There is none. `reason` may be shown to the sender.

    `not-configured`: the server says so. `unavailable`: it did not say; what one had before may still hold.
    """

    reason: str
    cause: Literal["not-configured", "unavailable"]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody whom the server knows is asking."""

    reason: str


Outcome = Credential | Missing | Refused


@dataclass(frozen=True, slots=True)
class Place:
    """Where one provider's credential is asked for."""

    base: Address
    path: str


def place(settings: Settings, provider: str) -> Place | None:
    """By the credential's id where the session has one for this provider, else by session and provider; `None` for neither."""
    if settings.base is None or settings.project is None:
        return None
    base = settings.base
    credential_id = settings.credential_ids.get(provider)
    if credential_id is not None:
        # Deployments whose base ends in `/api` mean the prefix of the session's form; this form has its own.
        root = dataclasses.replace(base, path=base.path.removesuffix("/api"))
        return Place(root, f"/api/ambient/v1/projects/{settings.project}/credentials/{credential_id}/token")
    if settings.session is None:
        return None
    return Place(base, f"/projects/{settings.project}/agentic-sessions/{settings.session}/credentials/{provider}")


class Fetcher:
    """Asks for one provider at a time. Safe to use from several threads."""

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        session_token: SessionToken,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._session_token = session_token
        self._monotonic = monotonic

    def fetch(self, provider: str, who: Sender, deadline: float) -> Outcome:
        """At most until `deadline`, a moment of the monotonic clock. Raises nothing of its own."""
        where = place(self._settings, provider)
        if where is None:
            return Missing("the runner has no server, project and session to ask for it", "unavailable")
        ask = self._by_caller if who.caller_token else self._by_session
        outcome = ask(provider, where, who, deadline)
        # Neither who asked nor what came back: the provider and the outcome.
        _log.debug("credential of %s: %s", provider, type(outcome).__name__)
        return outcome

    def _by_caller(self, provider: str, where: Place, who: Sender, deadline: float) -> Outcome:
        assert who.caller_token is not None
        answer = self._ask(where, who.caller_token.reveal(), who, deadline)
        if isinstance(answer, Missing):
            return answer
        if answer.status not in (401, 403):
            return _outcome(provider, answer)
        begin = f"{provider} authentication failed with HTTP {answer.status}"
        if who.user_id is None:
            return Refused(f"{begin}: the caller's token is not accepted, and nobody is named whom the session could ask for")
        token = self._session_token.get()
        if token is None:
            return Refused(f"{begin}: caller token expired and there is no token of the session's own")
        again = self._ask(where, f"Bearer {token.reveal()}", who, deadline)
        failed = f"{begin}: caller token expired and BOT_TOKEN fallback also failed"
        if isinstance(again, Missing):
            return Refused(f"{failed} ({again.reason})")
        if again.status in (401, 403):
            return Refused(f"{failed} (HTTP {again.status})")
        outcome = _outcome(provider, again)
        # A 404 is no failure: the server knew the session and the sender, and this is its word. One provider that was never
        # connected must not fail every long turn.
        if isinstance(outcome, Missing) and outcome.cause == "unavailable":
            return Refused(f"{failed} ({outcome.reason})")
        return outcome

    def _by_session(self, provider: str, where: Place, who: Sender, deadline: float) -> Outcome:
        token = self._session_token.get()
        if token is None:
            return Missing("the runner has no token to ask with", "unavailable")
        answer = self._ask(where, f"Bearer {token.reveal()}", who, deadline)
        if isinstance(answer, Missing):
            return answer
        if answer.status not in (401, 403):
            return _outcome(provider, answer)
        status = answer.status
        fresh = self._session_token.renewed(token)
        if fresh is not None:
            again = self._ask(where, f"Bearer {fresh.reveal()}", who, deadline)
            if isinstance(again, Missing):
                return Refused(f"{provider} authentication failed with HTTP {status}, and again: {again.reason}")
            if again.status not in (401, 403):
                return _outcome(provider, again)
            status = again.status
        return Refused(f"{provider} authentication failed with HTTP {status}")

    def _ask(self, where: Place, authorization: str, who: Sender, deadline: float) -> Answer | Missing:
        headers = {"Authorization": authorization}
        if who.header is not None:
            headers["X-Runner-Current-User"] = who.header
        try:
            return self._transport.get(where.base, where.path, headers, deadline - self._monotonic())
        except Unreachable as error:
            return Missing(str(error), "unavailable")


def _outcome(provider: str, answer: Answer) -> Outcome:
    name = DISPLAY_NAMES.get(provider, provider)
    if answer.status == 404:
        return Missing(reason(answer.body) or f"{name} credentials not configured", "not-configured")
    if 300 <= answer.status < 400:
        return Missing(f"the server sends elsewhere (HTTP {answer.status}), and nobody follows", "unavailable")
    if answer.status != 200:
        return Missing(f"the server answered HTTP {answer.status}", "unavailable")
    try:
        found = credential(provider, answer.body)
    except Unreadable as error:
        return Missing(str(error), "unavailable")
    return Missing(f"{name} credentials not configured", "not-configured") if found is None else found
