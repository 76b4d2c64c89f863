"""`python -m claviger_runner git-credential [--from FILE] get|store|erase`"""

import sys

from . import git_credential


def main() -> int:
    """Runs the command that the arguments name."""
    if sys.argv[1:2] == ["git-credential"]:
        return git_credential.main(sys.argv[2:], sys.stdin.buffer, sys.stdout.buffer)
    print("usage: python -m claviger_runner git-credential [--from FILE] get|store|erase", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
