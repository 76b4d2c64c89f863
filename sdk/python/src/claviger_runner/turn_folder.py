"""A folder that only its owner may enter, for the files of one turn, and gone with it.

A process that is killed leaves its folders. Each has a lock that its process holds, so the next runner knows which those are.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path

PREFIX = "claviger-turn-"
# Until its lock is held a folder has another name, so that nobody takes it for one whose process is gone.
_MAKING = ".claviger-making-"
_LOCK = "lock"

_log = logging.getLogger("claviger_runner")


class TurnFolder:
    """Made when constructed; removed by `remove`, by the garbage collector, or at the process's end. `before` sees it first."""

    def __init__(self, parent: Path | None = None, before: Callable[[Path], None] = lambda _: None) -> None:
        # 0700 by the library's promise.
        made = Path(tempfile.mkdtemp(prefix=_MAKING, dir=parent))
        self._lock = os.open(made / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.path = made.rename(made.with_name(PREFIX + made.name.removeprefix(_MAKING)))
        self._finalizer = weakref.finalize(self, _remove, self.path, self._lock, os.getpid(), before)

    def remove(self) -> None:
        """All of it. Does nothing the second time."""
        self._finalizer()


def _remove(path: Path, lock: int, process: int, before: Callable[[Path], None]) -> None:
    # A child that was forked shares the folder with its parent, to whom it belongs.
    if os.getpid() != process:
        return
    before(path)
    _remove_all(path)
    with contextlib.suppress(OSError):
        os.close(lock)


def _remove_all(path: Path) -> None:
    """Again where a child that still runs has put something in meanwhile, or took a folder's write bit away."""
    for _ in range(3):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        for folder, _names, _files in os.walk(path):
            with contextlib.suppress(OSError):
                os.chmod(folder, 0o700)
    _log.warning("the folder of a turn could not be removed whole")


def sweep(parent: Path | None = None, before: Callable[[Path], None] = lambda _: None) -> int:
    """Removes our own folders whose process is gone; how many. `before` sees each first."""
    place = Path(tempfile.gettempdir()) if parent is None else parent
    removed = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(place):
            with contextlib.suppress(OSError):
                if entry.name.startswith(PREFIX) and _is_ours(entry):
                    removed += _remove_if_abandoned(Path(entry.path), before)
    return removed


def _is_ours(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def _remove_if_abandoned(path: Path, before: Callable[[Path], None]) -> int:
    lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        # Held while it is removed, so that of two runners that start at once one does it.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        before(path)
        _remove_all(path)
    finally:
        os.close(lock)
    return 1
