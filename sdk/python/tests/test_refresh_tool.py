"""Case 90, the tool with which an agent asks for fresh credentials; and that nothing shows a secret."""

import copy
import json
import logging
import pickle
import traceback
from pathlib import Path

import pytest

from claviger_runner import CredentialsRefused, ProcessWide, Secret, Turn, refresh_tool, sender
from fake_server import Say, only, serving
from test_turn import Clock
from worlds import FOUR, bearer, runner


def test_case_90_the_refresh_tool(tmp_path: Path) -> None:
    clock = Clock()
    with serving(only(**FOUR)) as fake:
        made = runner(fake.url, tmp_path)
        with Turn(made.settings, sender("bob"), made.fetch, now=clock.now, monotonic=clock.monotonic) as turn:
            early = refresh_tool.answer(turn)
            assert early["isError"] is False and "successfully" in early["content"][0]["text"]
            assert len(fake.of("github")) == 1
            clock.seconds += 31
            done = refresh_tool.answer(turn)
            assert done["isError"] is False and "successfully" in done["content"][0]["text"]
            assert len(fake.of("github")) == 2
            fake.answer = only(**{**FOUR, "jira": Say(401)})
            clock.seconds += 31
            failed = refresh_tool.answer(turn)
            assert failed["isError"] is True and "jira" in failed["content"][0]["text"]
            json.dumps(failed)
        assert refresh_tool.answer(turn)["isError"] is True


CANARY = "canary-secret-0123456789"


def test_nothing_shows_a_secret_a_name_or_a_mail_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bodies = {
        "github": {"token": CANARY, "userName": "canary-name", "email": "canary@mail"},
        "gitlab": {"token": CANARY, "userName": "canary-name", "email": "canary@mail"},
        "jira": {"apiToken": CANARY, "url": "https://j.org", "email": "canary@mail"},
        "google": {"accessToken": CANARY, "refreshToken": CANARY, "email": "canary@mail"},
        "coderabbit": {"apiKey": CANARY},
        "gerrit": [{"url": "https://g.org", "username": "canary-name", "httpToken": CANARY, "gitcookiesContent": CANARY}],
        "kubeconfig": {"token": CANARY},
    }
    who = sender("canary-name", "canary-name", f"Bearer {CANARY}")
    with serving(only(**bodies)) as fake:
        made = runner(fake.url, tmp_path, BOT_TOKEN=CANARY)
        shown = [repr(made), repr(made.settings), repr(who), f"{who}"]
        with made.turn(who=who) as turn:
            shown += [repr(turn), repr(dict(turn.credentials)), f"{turn.credentials['github']!s}", repr(turn._placement)]
        form = ProcessWide(made.settings, made.fetch, root=tmp_path / "root")
        fetched = form.populate(who)
        shown += [repr(fetched), repr(form), repr(form.clear())]
        for answer in (Say(401), Say(500), Say(200, f"{{{CANARY}".encode()), Say(200, {"token": f"{CANARY}\n"})):
            fake.answer = lambda _, answer=answer: answer  # type: ignore[misc]
            failed = made.fetch(who)
            shown.append(repr(failed))
            try:
                failed.raise_refused()
            except CredentialsRefused as error:
                shown += [str(error), repr(error), "".join(traceback.format_exception(error))]
    assert "canary" not in "\n".join(shown)
    assert caplog.text and "canary" not in caplog.text


def test_a_secret_is_hard_to_lose() -> None:
    secret = Secret(CANARY)
    assert CANARY not in f"{secret} {secret!r} {secret!s} {[secret]} {secret:>40}"
    assert secret == Secret(CANARY) and secret != Secret("other") and secret != CANARY
    for attempt in (pickle.dumps, copy.deepcopy, hash, json.dumps):
        with pytest.raises(TypeError):
            attempt(secret)
    assert secret.reveal() == CANARY and not Secret("")
    assert bearer("x")
