"""Several providers side by side, each with its bound, all with one."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .credentials import Credential
from .errors import CredentialsRefused
from .fetch import Fetcher, Missing, Outcome, Refused
from .sender import Sender

PROVIDER_SECONDS = 10.0
OVERALL_SECONDS = 20.0
# What a thread gets to put its word together after its request was ended.
GRACE_SECONDS = 0.5
# All the known ones and a few more at once; what is beyond waits for a place.
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Fetched:
    """What there is, what there is not, and what was refused, by provider."""

    credentials: Mapping[str, Credential] = field(default_factory=dict)
    missing: Mapping[str, Missing] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    def with_held(self, held: Mapping[str, Credential], now: datetime) -> "Fetched":
        """The same, with what this same person had before where the server did not say that it is gone, until it ends."""
        kept = {
            provider: held[provider]
            for provider, missing in self.missing.items()
            if missing.cause == "unavailable" and provider in held and not _has_ended(held[provider], now)
        }
        missing = {provider: missing for provider, missing in self.missing.items() if provider not in kept}
        return Fetched({**self.credentials, **kept}, missing, self.refused)

    def raise_refused(self) -> None:
        """Raises :class:`CredentialsRefused` if anything was."""
        if self.refused:
            raise CredentialsRefused(self.refused)


def _has_ended(credential: Credential, now: datetime) -> bool:
    return credential.expires_at is not None and credential.expires_at <= now


def gather(
    fetcher: Fetcher,
    providers: Iterable[str],
    who: Sender,
    *,
    provider_seconds: float = PROVIDER_SECONDS,
    overall_seconds: float = OVERALL_SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> Fetched:
    """Asks for all of them. Returns when the last one is done, or time is over."""
    names = list(dict.fromkeys(providers))
    end = monotonic() + overall_seconds
    outcomes: dict[str, Outcome] = {}
    changed = threading.Condition()
    places = threading.Semaphore(AT_ONCE)

    def work(provider: str) -> None:
        with places:
            deadline = min(end, monotonic() + provider_seconds)
            try:
                outcome = fetcher.fetch(provider, who, deadline)
            except Exception as error:
                outcome = Missing(f"the runner failed ({type(error).__name__})", "unavailable")
        with changed:
            outcomes[provider] = outcome
            changed.notify()

    for name in names:
        # Daemons: one that hangs where nothing can end it, resolving a name, does not keep the process.
        threading.Thread(target=work, args=(name,), name=f"claviger-fetch-{name}", daemon=True).start()
    with changed:
        changed.wait_for(lambda: len(outcomes) == len(names), timeout=max(0.0, end - monotonic()) + GRACE_SECONDS)
        done = dict(outcomes)
    late = Missing(f"no answer within {overall_seconds:.0f} s", "unavailable")
    return _sorted({name: done.get(name, late) for name in names})


def _sorted(outcomes: Mapping[str, Outcome]) -> Fetched:
    credentials: dict[str, Credential] = {}
    missing: dict[str, Missing] = {}
    refused: dict[str, str] = {}
    for provider, outcome in outcomes.items():
        match outcome:
            case Missing():
                missing[provider] = outcome
            case Refused(reason=why):
                refused[provider] = why
            case _:
                credentials[provider] = outcome
    return Fetched(credentials, missing, refused)
