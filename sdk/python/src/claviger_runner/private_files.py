"""Files that only their owner may read: written whole or not at all, and taken away only while they are still ours."""

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import PlacementError
from .placement import File


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: enough to know it again. `handle` keeps the file's number from being given to another one."""

    handle: int
    digest: bytes

    def close(self) -> None:
        """Lets go of the file without removing it."""
        os.close(self.handle)


def write(path: Path, file: File) -> None:
    """Replaces what is there in one step; a link there is replaced and not followed. Raises :class:`PlacementError`."""
    write_to_be_removed(path, file).close()


def write_to_be_removed(path: Path, file: File) -> Written:
    """The same, and what :func:`remove` needs."""
    mode = 0o700 if file.is_program else 0o600
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _folder(path.parent) as folder:
            name = f".{path.name[:100]}.{secrets.token_hex(8)}"
            number = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
            try:
                with os.fdopen(number, "wb") as opened:
                    # Whatever the umask says.
                    os.fchmod(opened.fileno(), mode)
                    opened.write(file.content)
                    opened.flush()
                os.replace(name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
                handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=folder)
                raise
    except PlacementError:
        raise
    except OSError as error:
        # Not the name: a Google file's is a mail address.
        raise PlacementError(f"cannot write into `{path.parent}`: {error.strerror or type(error).__name__}") from None
    return Written(handle, hashlib.sha256(file.content).digest())


def remove(path: Path, written: Written) -> bool:
    """Takes a file away from where it was written, once. `False` if something else lies there now: that is left."""
    try:
        with _folder(path.parent) as folder:
            found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                return False
            # A tool that rewrites it in place has left what we wrote it for: the same file, with that person's token.
            is_ours = os.path.samestat(found, os.fstat(written.handle))
            if not is_ours and hashlib.sha256(_content(folder, path.name)).digest() != written.digest:
                return False
            os.unlink(path.name, dir_fd=folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    finally:
        written.close()
    return True


def read_own(path: Path) -> bytes | None:
    """What lies there, if it is an ordinary file that can be read."""
    try:
        with _folder(path.parent) as folder:
            return _content(folder, path.name)
    except OSError:
        return None


def _content(folder: int, name: str) -> bytes:
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder), "rb") as opened:
        return opened.read()


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[int]:
    """A folder that is no link, and that is ours or the system's: somebody else's could be changed under us."""
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(number).st_uid not in (os.geteuid(), 0):
            raise PlacementError(f"`{path}` belongs to another user of this machine")
        yield number
    finally:
        os.close(number)
