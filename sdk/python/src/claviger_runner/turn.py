"""One message being answered, with its sender's credentials.

They belong to this object: to its folder, and to the environments that it makes for child processes. The process's own
environment has none of them, so turns of several people run side by side.
"""

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any

from . import environment, freshness, git_access, private_files
from .credentials import Credential
from .errors import CredentialsRefused, TurnOver
from .fetch import Missing
from .gather import Fetched
from .placement import Placement, placement
from .places import Places
from .sender import Sender
from .settings import Settings
from .turn_folder import TurnFolder

_log = logging.getLogger("claviger_runner")

Fetch = Callable[[Sender], Fetched]


class Turn:
    """Made by :meth:`claviger_runner.Runner.turn`; a context manager. Safe to use from several threads.

    Entering fetches and places. Leaving removes the folder, with everything in it; processes that still run keep what was in
    their environment.
    """

    def __init__(
        self,
        settings: Settings,
        who: Sender,
        fetch: Fetch,
        *,
        tolerates_refusals: bool = False,
        keeps_fresh: bool = True,
        variables: Mapping[str, str] | None = None,
        without: frozenset[str] = frozenset(),
        now: Callable[[], datetime] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._who = who
        self._fetch = fetch
        self._tolerates_refusals = tolerates_refusals
        self._keeps_fresh = keeps_fresh
        self._variables = dict(variables or {})
        self._without = without
        self._now = now or (lambda: datetime.now(UTC))
        self._monotonic = monotonic
        # One refresh at a time; `_state` is never held while the server is asked.
        self._refreshing = threading.Lock()
        self._state = threading.RLock()
        self._over = threading.Event()
        self._folder: TurnFolder | None = None
        self._credentials: dict[str, Credential] = {}
        self._missing: dict[str, Missing] = {}
        self._refused: dict[str, str] = {}
        self._placement = Placement()
        self._fetched_at = float("-inf")

    def __enter__(self) -> "Turn":
        with self._state:
            if self._folder is not None or self._over.is_set():
                raise TurnOver("a turn is entered once")
            self._folder = TurnFolder()
        try:
            self._refresh_now()
        except CredentialsRefused:
            if not self._tolerates_refusals:
                self.close()
                raise
        except BaseException:
            self.close()
            raise
        if self._keeps_fresh:
            threading.Thread(target=self._keep_fresh, name="claviger-turn", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the turn. A refresh that is under way changes nothing any more."""
        with self._state:
            self._over.set()
            folder, self._folder = self._folder, None
            self._credentials, self._placement = {}, Placement()
            self._who = self._who.without_token()
        if folder is not None:
            folder.remove()

    @property
    def credentials(self) -> Mapping[str, Credential]:
        """What there is, by provider."""
        with self._state:
            self._open()
            return MappingProxyType(dict(self._credentials))

    @property
    def missing(self) -> Mapping[str, Missing]:
        """What there is not, by provider, and why; fit to be shown to the sender."""
        with self._state:
            return MappingProxyType(dict(self._missing))

    @property
    def refused(self) -> Mapping[str, str]:
        """What the server refused, by provider, the last time it was asked."""
        with self._state:
            return MappingProxyType(dict(self._refused))

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """For a child process: `base`, or the process's own environment, with this turn's credentials in place of all others.

        Tokens in variables are those of now. Renewed ones reach a running child through git's helper, `gh` and the files.
        """
        self._refresh_if_ending()
        with self._state:
            folder = self._open()
            places = Places.below(folder.path)
            identity = git_access.identity(self._credentials, self._who)
            start = os.environ if base is None else base
            return environment.for_child(start, self._placement, places, folder.path, identity, self._without)

    def popen(self, command: Sequence[str], *, env: Mapping[str, str] | None = None, **more: Any) -> "subprocess.Popen[Any]":
        """`subprocess.Popen` with :meth:`environment`; `env` is what that is made from."""
        return subprocess.Popen(command, env=self.environment(env), **more)

    def run(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, **more: Any
    ) -> "subprocess.CompletedProcess[Any]":
        """`subprocess.run` with :meth:`environment`; `env` is what that is made from."""
        return subprocess.run(command, env=self.environment(env), check=more.pop("check", False), **more)

    def refresh(self) -> bool:
        """Fetches again and rewrites the files; at most every 30 s, unless something ends within five minutes.

        Whether the server was asked. Raises :class:`CredentialsRefused` after the other providers were done.
        """
        with self._refreshing:
            with self._state:
                self._open()
                since = self._monotonic() - self._fetched_at
                if not freshness.is_due(self._credentials.values(), self._now(), since):
                    return False
            self._refresh_held()
        return True

    def _refresh_now(self) -> None:
        with self._refreshing:
            self._refresh_held()

    def _refresh_held(self) -> None:
        fetched = self._fetch(self._who)
        with self._state:
            self._open()
            self._fetched_at = self._monotonic()
            self._take(fetched)
        fetched.raise_refused()

    def _take(self, fetched: Fetched) -> None:
        fetched = fetched.with_held(self._credentials, self._now())
        taken = dict(fetched.credentials)
        made = placement(taken, Places.below(self._open().path), self._settings, self._variables)
        for path in self._placement.files.keys() - made.files.keys():
            path.unlink(missing_ok=True)
        for path, file in made.files.items():
            if self._placement.files.get(path) != file:
                private_files.write(path, file)
        self._credentials, self._placement = taken, made
        self._missing = dict(fetched.missing)
        self._refused = dict(fetched.refused)

    def _refresh_if_ending(self) -> None:
        with self._state:
            self._open()
            is_ending = freshness.ends_soon(self._credentials.values(), self._now())
        if is_ending:
            try:
                self.refresh()
            except CredentialsRefused:
                # The refused ones are gone from the turn; what is left is the sender's.
                if not self._tolerates_refusals:
                    raise

    def _keep_fresh(self) -> None:
        while True:
            with self._state:
                seconds = freshness.seconds_to_next(self._credentials.values(), self._now())
            # Without an end in sight, look again now and then: a refresh that was asked for may have brought one.
            if self._over.wait(60.0 if seconds is None else min(seconds, 60.0)):
                return
            with self._state:
                is_ending = freshness.ends_soon(self._credentials.values(), self._now())
            if not is_ending:
                continue
            try:
                self.refresh()
            except TurnOver:
                return
            except Exception as error:
                _log.warning("credentials were not renewed in time: %s", type(error).__name__)

    def _open(self) -> TurnFolder:
        if self._folder is None:
            raise TurnOver("the turn is not running")
        return self._folder

    def __repr__(self) -> str:
        return f"Turn({'over' if self._over.is_set() else 'running'})"
