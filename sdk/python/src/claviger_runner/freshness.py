"""When a credential has to be fetched again. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from .credentials import Credential

SOON = timedelta(minutes=5)
# Asking for a refresh more often than this does nothing.
REFRESH_EVERY_SECONDS = 30.0
# Unless something ends soon; and then the server is not asked in a loop for what it cannot lengthen.
FORCED_EVERY_SECONDS = 1.0


def first_end(credentials: Iterable[Credential]) -> datetime | None:
    """When the first of them ends."""
    return min((one.expires_at for one in credentials if one.expires_at is not None), default=None)


def ends_soon(credentials: Iterable[Credential], now: datetime) -> bool:
    """Whether one of them has ended, or ends within five minutes."""
    end = first_end(credentials)
    return end is not None and end - now <= SOON


def is_due(credentials: Iterable[Credential], now: datetime, seconds_since: float) -> bool:
    """Whether a refresh that is asked for now asks the server."""
    if seconds_since >= REFRESH_EVERY_SECONDS:
        return True
    return seconds_since >= FORCED_EVERY_SECONDS and ends_soon(credentials, now)


def seconds_to_next(credentials: Iterable[Credential], now: datetime) -> float | None:
    """How long until something ends soon, at least half a minute; `None` if nothing ever ends."""
    end = first_end(credentials)
    return None if end is None else max(REFRESH_EVERY_SECONDS, (end - SOON - now).total_seconds())
