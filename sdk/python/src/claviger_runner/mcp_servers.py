"""Which MCP servers want credentials: those whose configuration refers to variables that begin with `MCP_`."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_REFERENCE = re.compile(r"\$\{(MCP_[A-Za-z0-9_]+)(?::-[^}]*)?\}")
_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def references(file: Path) -> Mapping[str, frozenset[str]]:
    """By server, the variables it refers to. Nothing if there is no such file or it is not what it should be."""
    try:
        read = json.loads(file.read_text())
        servers = read["mcpServers"]
        found = {name: frozenset(_of(server)) for name, server in servers.items() if _SERVER.fullmatch(name)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return MappingProxyType({})
    return MappingProxyType({name: variables for name, variables in found.items() if variables})


def _of(server: Mapping[str, object]) -> list[str]:
    values = server.get("env")
    texts = values.values() if isinstance(values, dict) else ()
    return [variable for text in texts if isinstance(text, str) for variable in _REFERENCE.findall(text)]
