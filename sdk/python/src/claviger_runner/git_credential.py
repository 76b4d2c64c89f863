"""A git credential helper that serves from a turn's files. It imports the standard library alone: git starts it by its path.

It answers for exact hosts. What it does not know, or what has ended, it does not answer, and that is no failure: git says
what it lacks. `store` and `erase` change nothing: the files are the turn's.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

DEFAULT_PORTS = {"http": "80", "https": "443"}
MAX_INPUT_BYTES = 64 * 1024
STORE_VARIABLE = "RUNNER_GIT_STORE"


def main(arguments: Sequence[str], stdin: BinaryIO, stdout: BinaryIO) -> int:
    """`[--from FILE] get|store|erase`; the file is named by `RUNNER_GIT_STORE` if it is not given here."""
    rest = list(arguments)
    file = os.environ.get(STORE_VARIABLE, "")
    if len(rest) >= 2 and rest[0] == "--from":
        file, rest = rest[1], rest[2:]
    if len(rest) != 1 or not file:
        print("usage: git-credential [--from FILE] get|store|erase", file=sys.stderr)
        return 2
    asked = stdin.read(MAX_INPUT_BYTES)
    # git may learn new words; a helper ignores those that it does not know.
    if rest[0] == "get":
        stdout.write(answer(file, asked, time.time()))
        stdout.flush()
    return 0


def answer(file: str, asked: bytes, now: float) -> bytes:
    """What git is told; nothing if there is nothing for that host."""
    wanted = _pairs(asked)
    host = wanted.get("host", "").lower()
    port = DEFAULT_PORTS.get(wanted.get("protocol", ""))
    if port is not None:
        host = host.removesuffix(f":{port}")
    for entry in _entries(file):
        if not host or entry.get("protocol") != wanted.get("protocol") or entry.get("host") != host:
            continue
        expires_at = entry.get("expires_at")
        if isinstance(expires_at, int) and expires_at <= now:
            continue
        password = _password(entry)
        if not password:
            continue
        lines = [f"username={entry.get('username')}", f"password={password}"]
        if isinstance(expires_at, int):
            # git 2.41 and newer; older ones ignore it.
            lines.append(f"password_expiry_utc={expires_at}")
        return ("\n".join(lines) + "\n").encode()
    return b""


def _pairs(asked: bytes) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in asked.decode(errors="replace").split("\n"):
        if not line:
            break
        key, equals, value = line.partition("=")
        if equals:
            pairs[key] = value
    return pairs


def _entries(file: str) -> list[dict[str, Any]]:
    try:
        with open(file, "rb") as opened:
            read = json.load(opened)
    except (OSError, ValueError):
        return []
    return [entry for entry in read if isinstance(entry, dict)] if isinstance(read, list) else []


def _password(entry: dict[str, Any]) -> str:
    try:
        with open(str(entry.get("password_file")), "rb") as opened:
            password = opened.read(MAX_INPUT_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return ""
    # A line break would be another answer to git.
    return password if password.isprintable() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer))
