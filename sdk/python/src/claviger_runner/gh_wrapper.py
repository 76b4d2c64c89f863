"""A `gh` before the real one in `PATH` that reads the token anew at each call, so that a renewed one reaches it."""

import shlex
from pathlib import Path

_SCRIPT = """#!/bin/sh
# Gives the token of the running turn to the gh that comes after this one in PATH.
here={here}
if [ -r {token_file} ]; then
    {variable}=$(cat {token_file})
    export {variable}
fi
IFS=:
for folder in $PATH; do
    case $folder in "" | "$here" | */claviger-turn-*/bin) continue ;; esac
    if [ -x "$folder/gh" ] && [ ! -d "$folder/gh" ]; then
        unset IFS
        exec "$folder/gh" "$@"
    fi
done
echo "gh is not installed" >&2
exit 127
"""


def script(token_file: Path, host: str | None) -> bytes:
    """`host` decides the variable: gh keeps that of github.com apart from those of other hosts."""
    variable = "GH_TOKEN" if host in (None, "github.com") else "GH_ENTERPRISE_TOKEN"
    quoted = shlex.quote(str(token_file))
    # The path is taken from `$0`: the script says the same wherever it lies.
    return _SCRIPT.format(here='$(cd "$(dirname "$0")" && pwd)', token_file=quoted, variable=variable).encode()
