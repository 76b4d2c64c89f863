"""What lies at the documented places when its process ends, or is killed: taken away then, or by the next one.

The process-wide form notes in its own folder which files it writes, and a digest of each, before it writes them. What has that
digest is that person's credential and no one else's file.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import private_files, turn_folder
from .placement import File

_NOTE = "placed.json"


def note(folder: Path, files: Iterable[tuple[Path, File]]) -> None:
    """Writes down what lies, or is about to lie, outside of the folder. A path may come twice: what it has, and will have."""
    digests: dict[str, list[str]] = {}
    for path, file in files:
        if not path.is_relative_to(folder):
            digests.setdefault(str(path), []).append(hashlib.sha256(file.content).hexdigest())
    private_files.write(folder / _NOTE, File(json.dumps(digests).encode()))


def sweep(parent: Path | None = None) -> int:
    """Removes the folders of processes that are gone, and what they have noted; how many folders."""
    return turn_folder.sweep(parent, remove_noted)


def remove_noted(folder: Path) -> None:
    """Removes what the note of this folder names, where it is still that."""
    for path, digests in _read(folder / _NOTE).items():
        content = private_files.read_own(Path(path))
        if content is not None and hashlib.sha256(content).hexdigest() in digests:
            with contextlib.suppress(OSError):
                Path(path).unlink()


def _read(file: Path) -> Mapping[str, list[str]]:
    try:
        read = json.loads(private_files.read_own(file) or b"{}")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
