"""What the reviewers of shared sessions caught, as far as a runner can get it wrong; each has a test, by name.

Those that stand elsewhere are listed, so that none is lost by renaming; the others are here.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from claviger_runner import CredentialsRefused, GitHub, ProcessWide, from_headers, sender
from fake_server import Asked, Say, only, serving
from worlds import FOUR, bearer, in_minutes, runner

ELSEWHERE = {
    "an owner does not read another's by naming them": "test_claviger.test_an_owner_reads_nothing_by_naming_somebody",
    "only the open turn's user is read for": "test_claviger.test_the_senders_bearer_has_ended_and_the_session_asks_for_them",
    "overlapping turns do not overwrite each other": "test_overlap.test_hundreds_of_overlapping_turns_never_mix",
    "the container's own is no silent fallback": "test_turn.test_what_is_not_the_senders_is_taken_out",
    "names and mail addresses stay out of logs": "test_refresh_tool.test_nothing_shows_a_secret_a_name_or_a_mail_address",
    "values are compared, per person": "test_claviger.test_two_people_each_with_their_own_bearer_overlapping",
    "who runs next decides what is cleared": "test_process_wide.test_a_change_of_person_always_clears",
    "clearing one turn clears no other": "test_overlap.test_ending_one_turn_ends_no_other",
    "fresh tokens reach the tools": "test_git_credential.test_a_renewed_token_reaches_a_child_that_runs_already",
    "the environment cannot name who gets a bearer": "test_settings.test_loopback_and_other_hosts_only_by_argument",
    "clearing removes exactly what was injected": "test_process_wide.test_case_88_clear_removes_what_was_set_and_nothing_else",
    "what was replaced meanwhile is left": "test_process_wide.test_what_somebody_changed_meanwhile_is_left_and_told",
    "providers are asked side by side": "test_transport.test_providers_are_asked_side_by_side",
    "each has its bound": "test_transport.test_a_slow_provider_takes_nothing_from_the_others",
}


@pytest.mark.parametrize("what, where", ELSEWHERE.items())
def test_each_has_its_test(what: str, where: str) -> None:
    module, _, name = where.partition(".")
    assert callable(getattr(importlib.import_module(module), name)), what


def test_two_projects_may_each_have_a_session_of_the_same_name(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Say:
        return Say(200, {"token": f"of-{asked.path.split('/')[2]}"}) if asked.provider == "github" else Say(404)

    with serving(answer) as fake:
        tokens = []
        for project in ("blue", "red"):
            with runner(fake.url, tmp_path, PROJECT_NAME=project).turn("bob") as turn:
                tokens.append(turn.environment()["GITHUB_TOKEN"])
        assert tokens == ["of-blue", "of-red"]


def test_a_name_header_without_an_id_header_is_no_identity(tmp_path: Path) -> None:
    who = from_headers({"x-current-user-name": "Alice"})
    assert who.user_id is None and who.user_name is None
    with serving(only(jira=FOUR["jira"])) as fake, runner(fake.url, tmp_path).turn(who=who) as turn:
        assert all(asked.user is None for asked in fake.asked)
        assert turn.environment()["GIT_AUTHOR_NAME"] == "Ambient Code Bot"


def test_a_failed_identity_is_not_the_sessions_own_token(tmp_path: Path) -> None:
    """A bearer that the server does not know, of somebody whom nobody names: refused, and not asked again as the session."""
    with serving(lambda asked: Say(401) if asked.bearer == "Bearer unknown" else Say(200, FOUR["github"])) as fake:
        made = runner(fake.url, tmp_path)
        with pytest.raises(CredentialsRefused), made.turn(caller_token="Bearer unknown"):
            pytest.fail("it began")
        assert {asked.bearer for asked in fake.asked} == {"Bearer unknown"}


def test_the_bearer_of_a_message_is_forgotten_with_its_turn(tmp_path: Path) -> None:
    with serving(only(**FOUR)) as fake:
        made = runner(fake.url, tmp_path, KEEP_CREDENTIALS_PERSISTENT="true")
        with made.turn("bob", "Bob", bearer("bob")) as turn:
            pass
        form = ProcessWide(made.settings, made.fetch, root=tmp_path / "root")
        with form.turn(sender("bob", "Bob", bearer("bob"))):
            pass
        assert turn._who.caller_token is None
        assert form._person is not None and form._person.caller_token is None
        form._clear()


def test_a_bearer_that_ends_in_a_long_turn_goes_on_as_the_same_person(tmp_path: Path) -> None:
    ended: list[bool] = []

    def answer(asked: Asked) -> Say:
        if asked.provider != "github":
            return Say(404)
        if asked.bearer == bearer("bob"):
            return Say(401) if ended else Say(200, {"token": "bob-1", "expiresAt": in_minutes(4)})
        return Say(200, {"token": f"{asked.user}-2", "expiresAt": in_minutes(60)})

    with serving(answer) as fake, runner(fake.url, tmp_path).turn("bob", "Bob", bearer("bob")) as turn:
        assert _token(turn.credentials["github"]) == "bob-1"
        ended.append(True)
        turn._refresh_now()
        assert _token(turn.credentials["github"]) == "bob-2"


def test_what_a_turn_wrote_is_removed_from_where_it_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the temporary folder is another one by then."""
    import tempfile

    with serving(only(**FOUR)) as fake:
        with runner(fake.url, tmp_path).turn("bob") as turn:
            folder = Path(turn.environment()["PATH"].split(os.pathsep)[0]).parent
            elsewhere = tmp_path / "elsewhere"
            elsewhere.mkdir()
            with monkeypatch.context() as patch:
                patch.setattr(tempfile, "tempdir", str(elsewhere))
                turn.close()
        assert not folder.exists() and not list(elsewhere.iterdir())


def test_a_child_of_a_turn_sees_no_session_token(tmp_path: Path) -> None:
    program = "import os; print('service-token' in str(dict(os.environ)))"
    environment = {**os.environ, "BOT_TOKEN": "service-token-0123456789"}
    with serving(only()) as fake, runner(fake.url, tmp_path).turn("bob") as turn:
        done = turn.run([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        assert done.stdout == "False\n"


def _token(credential: object) -> str:
    assert isinstance(credential, GitHub)
    return credential.token.reveal()
