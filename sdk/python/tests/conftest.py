"""No test is to see the variables of whoever runs it, nor to leave anything in the common temporary folder."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from claviger_runner.environment import CREDENTIAL_VARIABLES


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name in CREDENTIAL_VARIABLES or name.startswith("GIT_CONFIG") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    yield
    assert not list(temporary.iterdir()), "a turn left something behind"
