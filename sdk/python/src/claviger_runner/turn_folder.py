"""A folder that only its owner may enter, for the files of one turn, and gone with it.

A process that is killed leaves its folders. Each has a lock that its process holds, so the next runner knows which those are.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import tempfile
import time
import weakref
from pathlib import Path

PREFIX = "claviger-turn-"
_LOCK = "lock"
# A folder without a held lock may be one that is just being made.
ABANDONED_AFTER_SECONDS = 60.0

_log = logging.getLogger("claviger_runner")


class TurnFolder:
    """Made when constructed; removed by `remove`, by the garbage collector, or at the end of the process."""

    def __init__(self, parent: Path | None = None) -> None:
        # 0700 by the library's promise.
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._finalizer = weakref.finalize(self, _remove, self.path, self._lock, os.getpid())

    def remove(self) -> None:
        """All of it. Does nothing the second time."""
        self._finalizer()


def _remove(path: Path, lock: int, process: int) -> None:
    # A child that was forked shares the folder with its parent, to whom it belongs.
    if os.getpid() != process:
        return
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


def sweep(parent: Path | None = None) -> int:
    """Removes our own folders whose process is gone; how many."""
    place = Path(tempfile.gettempdir()) if parent is None else parent
    removed = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(place):
            with contextlib.suppress(OSError):
                if entry.name.startswith(PREFIX) and _is_abandoned(entry):
                    _remove_all(Path(entry.path))
                    removed += 1
    return removed


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    found = entry.stat(follow_symlinks=False)
    if not entry.is_dir(follow_symlinks=False) or found.st_uid != os.geteuid():
        return False
    if time.time() - found.st_ctime < ABANDONED_AFTER_SECONDS:
        return False
    try:
        number = os.open(os.path.join(entry.path, _LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(number)
    return True
