"""The compatible form: one person's credentials in the process's own environment and at the platform's documented places.

There is one environment, so there is one turn at a time: another one is refused, or waits as long as it says. What was set is
remembered with what was there before; clearing puts that back, and leaves alone what somebody else has changed meanwhile.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from . import environment, git_access, leftovers, private_files
from .credentials import Credential
from .errors import Overlap
from .gather import Fetched
from .placement import File, Placement, placement
from .places import Places
from .sender import Sender
from .settings import Settings
from .turn_folder import TurnFolder

_log = logging.getLogger("claviger_runner")

Fetch = Callable[[Sender], Fetched]


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was taken away or put back, and what was left because somebody changed it: names of variables, and paths.

    Not shown by `repr`: a Google file's name is a mail address.
    """

    removed: tuple[str, ...] = field(default=(), repr=False)
    left: tuple[str, ...] = field(default=(), repr=False)


@dataclass(slots=True)
class _Injected:
    value: str
    before: str | None


@dataclass(slots=True)
class _Placed:
    written: private_files.Written
    file: File
    # What lay there and was not ours: a Google file of somebody's, put back afterwards.
    before: bytes | None


class ProcessWide:
    """Made by :meth:`claviger_runner.Runner.process_wide`; there is one per runner, and should be one per process."""

    def __init__(
        self,
        settings: Settings,
        fetch: Fetch,
        *,
        variables: dict[str, str] | None = None,
        target: MutableMapping[str, str] | None = None,
        root: Path = Path("/"),
    ) -> None:
        self._settings = settings
        self._fetch = fetch
        self._variables = dict(variables or {})
        self._environment = os.environ if target is None else target
        self._root = root
        self._turn = threading.Lock()
        self._in_turn: Sender | None = None
        self._state = threading.RLock()
        self._folder: TurnFolder | None = None
        self._person: Sender | None = None
        self._credentials: Mapping[str, Credential] = {}
        self._injected: dict[str, _Injected] = {}
        self._placed: dict[Path, _Placed] = {}

    @contextlib.contextmanager
    def turn(self, who: Sender, *, wait_seconds: float = 0.0) -> Iterator["ProcessWide"]:
        """Populates, and clears at the end unless `KEEP_CREDENTIALS_PERSISTENT` is `true`.

        While another turn runs: waits so long, then raises :class:`Overlap`.
        """
        if not self._turn.acquire(timeout=wait_seconds):
            raise Overlap("another turn has the process-wide credentials; use a turn with its own environment, or wait")
        try:
            with self._state:
                self._in_turn = who.without_token()
            try:
                self.populate(who)
                yield self
            finally:
                with self._state:
                    self._in_turn = None
                    if not self._settings.keeps_credentials:
                        self._clear()
        finally:
            self._turn.release()

    def populate(self, who: Sender) -> Fetched:
        """Fetches and sets. A change of person clears first, whatever is to be kept.

        Raises :class:`CredentialsRefused` after everything else was set, and :class:`Overlap` while another person's turn runs.
        """
        with self._state:
            if self._in_turn is not None and not self._in_turn.is_same_person(who):
                raise Overlap("another person's turn has the process-wide credentials")
            if self._person is not None and not self._person.is_same_person(who):
                self._clear()
            fetched = self._fetch(who).with_held(self._credentials, datetime.now(UTC))
            self._person, self._credentials = who.without_token(), fetched.credentials
            self._set(who, fetched.credentials)
        fetched.raise_refused()
        return fetched

    def clear(self) -> Cleared:
        """Takes back exactly what was set. Raises :class:`Overlap` while a turn runs: it clears by itself."""
        with self._state:
            if self._in_turn is not None:
                raise Overlap("a turn has the process-wide credentials, and clears them when it ends")
            return self._clear()

    def _clear(self) -> Cleared:
        removed: list[str] = []
        left: list[str] = []
        for name in list(self._injected):
            (removed if self._restore(name) else left).append(name)
        for path in list(self._placed):
            (removed if self._unplace(path) else left).append(str(path))
        self._person, self._credentials = None, {}
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()
        if left:
            _log.warning("%d variables and files were changed by somebody else and are left as they are", len(left))
        return Cleared(tuple(removed), tuple(left))

    def _set(self, who: Sender, credentials: Mapping[str, Credential]) -> None:
        if self._folder is None:
            self._folder = TurnFolder(before=leftovers.remove_noted)
        places = Places.documented(self._settings, self._folder.path, self._root)
        made = placement(credentials, places, self._settings, self._variables)
        # Files first: a variable that names one is true from the beginning.
        for path in [path for path in self._placed if path not in made.files]:
            self._unplace(path)
        leftovers.note(self._folder.path, [*((path, placed.file) for path, placed in self._placed.items()), *made.files.items()])
        for path, file in made.files.items():
            self._place(path, file, is_restored=path.is_relative_to(places.google_folder) or path == places.google_key)
        identity = git_access.identity(credentials, who)
        wanted = made.variables | self._beyond(identity, made, places)
        for name in [name for name in self._injected if name not in wanted]:
            self._restore(name)
        for name, value in wanted.items():
            self._inject(name, value)

    def _beyond(self, identity: tuple[str, str], made: Placement, places: Places) -> dict[str, str]:
        """git's variables and `PATH`, made from the environment as it would be without us."""
        base = {name: value for name in self._environment if (value := self._base(name)) is not None}
        store = places.git_store if places.git_store in made.files else None
        path = environment.with_wrapper(base.get("PATH", os.defpath), places.gh_wrapper.parent)
        return git_access.variables(base, *identity, store) | {"PATH": path}

    def _base(self, name: str) -> str | None:
        injected, present = self._injected.get(name), self._environment.get(name)
        return injected.before if injected is not None and injected.value == present else present

    def _inject(self, name: str, value: str) -> None:
        injected = self._injected.get(name)
        present = self._environment.get(name)
        before = injected.before if injected is not None and injected.value == present else present
        self._injected[name] = _Injected(value, before)
        if present != value:
            self._environment[name] = value

    def _restore(self, name: str) -> bool:
        injected = self._injected.pop(name)
        if self._environment.get(name) != injected.value:
            return False
        if injected.before is None:
            del self._environment[name]
        else:
            self._environment[name] = injected.before
        return True

    def _place(self, path: Path, file: File, *, is_restored: bool) -> None:
        placed = self._placed.get(path)
        if placed is not None and placed.file == file and private_files.read_own(path) == file.content:
            return
        before = placed.before if placed is not None else (private_files.read_own(path) if is_restored else None)
        written = private_files.write_to_be_removed(path, file)
        if placed is not None:
            placed.written.close()
        self._placed[path] = _Placed(written, file, before)

    def _unplace(self, path: Path) -> bool:
        placed = self._placed.pop(path)
        if not private_files.remove(path, placed.written):
            return False
        if placed.before is not None:
            private_files.write(path, File(placed.before))
        return True
