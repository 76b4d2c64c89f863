"""The process-wide form: cases 86 to 89, and what clearing takes and leaves."""

import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

import claviger_runner
from claviger_runner import CredentialsRefused, Overlap, ProcessWide, sender
from fake_server import Asked, FakeServer, Say, only, serving
from worlds import FOUR, bearer, in_minutes, runner

BOB = sender("bob", "Bob", bearer("bob"))
ALICE = sender("alice", "Alice", bearer("alice"))
NOBODY = sender()


def process(fake: FakeServer, folder: Path, **more: str) -> ProcessWide:
    made = runner(fake.url, folder, **more)
    return ProcessWide(made.settings, made.fetch, root=folder / "root")


def everybody(asked: Asked) -> Say:
    person = asked.bearer.removeprefix("Bearer caller-of-") if asked.user else "automation"
    return Say(200, {"token": f"{asked.provider}-of-{person}"}) if asked.provider in ("github", "gitlab") else Say(404)


def token_file(folder: Path) -> Path:
    return folder / "root/tmp/.ambient_github_token"


def test_case_86_populate_names_all_that_were_refused_after_everything_else_was_set(tmp_path: Path) -> None:
    with serving(only(**{**FOUR, "gitlab": Say(401), "jira": Say(403)})) as fake:
        form = process(fake, tmp_path)
        with pytest.raises(CredentialsRefused, match="Credential refresh failed due to authentication errors") as caught:
            form.populate(BOB)
        assert caught.value.providers == ("gitlab", "jira")
        assert os.environ["GITHUB_TOKEN"] == "ghp_b" and os.environ["USER_GOOGLE_EMAIL"] == "bob@example.org"
        form.clear()


def test_case_86_populate_does_not_raise_for_what_is_merely_missing(tmp_path: Path) -> None:
    with serving(only(github=FOUR["github"])) as fake:
        form = process(fake, tmp_path)
        fetched = form.populate(BOB)
        assert set(fetched.credentials) == {"github"} and len(fetched.missing) == 6
        form.clear()


def test_case_87_google_oauth_file_and_jira_api_token(tmp_path: Path) -> None:
    end = in_minutes(60)
    google = {**FOUR["google"], "refreshToken": "1//r", "expiresAt": end}
    more = {"GOOGLE_OAUTH_CLIENT_ID": "cid", "GOOGLE_OAUTH_CLIENT_SECRET": "cs"}
    with serving(only(google=google, jira={**FOUR["jira"], "token": "not-this"})) as fake:
        form = process(fake, tmp_path, **more)
        form.populate(BOB)
        file = tmp_path / "root/workspace/.google_workspace_mcp/credentials/bob@example.org.json"
        assert json.loads(file.read_text()) == {
            "token": "ya29.b",
            "refresh_token": "1//r",
            "token_uri": "https://oauth2.googleapis.com/token",
            "client_id": "cid",
            "client_secret": "cs",
            "scopes": ["drive"],
            "expiry": end.removesuffix("Z"),
        }
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert os.environ["JIRA_API_TOKEN"] == "jira-b"
        form.clear()


@pytest.mark.parametrize("email", ["", "user@example.com", "../../evil@x.org", "a/b@x.org", ".hidden@x.org", "x@..org"])
def test_case_87_a_mail_address_that_is_no_file_name_gets_the_common_one(tmp_path: Path, email: str) -> None:
    with serving(only(google={**FOUR["google"], "email": email})) as fake:
        form = process(fake, tmp_path)
        form.populate(BOB)
        assert [path.name for path in (tmp_path / "root").rglob("*.json")] == ["credentials.json"]
        form.clear()


def test_case_88_clear_removes_what_was_set_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNRELATED_TOKEN", "stays")
    monkeypatch.setenv("MCP_OTHERS_OWN", "stays")
    google = tmp_path / "root/workspace/.google_workspace_mcp/credentials/somebody@example.org.json"
    google.parent.mkdir(parents=True)
    google.write_text("stays")
    before = dict(os.environ)
    with serving(only(**FOUR, kubeconfig={"token": "k: 1\n"})) as fake:
        form = process(fake, tmp_path)
        form.populate(BOB)
        expected = {
            "GITHUB_TOKEN": "ghp_b",
            "GITLAB_TOKEN": "glpat-b",
            "JIRA_API_TOKEN": "jira-b",
            "JIRA_URL": "https://jira.example.org",
            "JIRA_EMAIL": "bob@example.org",
            "GIT_USER_NAME": "Bob B.",
            "GIT_USER_EMAIL": "bob@example.org",
        }
        assert {name: os.environ[name] for name in expected} == expected
        assert Path(os.environ["KUBECONFIG"]).read_text() == "k: 1\n"
        assert token_file(tmp_path).read_text() == "ghp_b"
        assert stat.S_IMODE(token_file(tmp_path).stat().st_mode) == 0o600
        assert (tmp_path / "root/tmp/git-credential-ambient").exists()
        cleared = form.clear()
        assert not cleared.left and "GITHUB_TOKEN" in cleared.removed
    assert dict(os.environ) == before
    left = [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert left == [google] and google.read_text() == "stays"


def test_case_88_a_google_file_that_was_there_is_put_back(tmp_path: Path) -> None:
    file = tmp_path / "root/workspace/.google_workspace_mcp/credentials/bob@example.org.json"
    file.parent.mkdir(parents=True)
    file.write_text("there before")
    with serving(only(**FOUR)) as fake:
        form = process(fake, tmp_path)
        form.populate(BOB)
        form.populate(BOB)
        assert "ya29.b" in file.read_text()
        form.clear()
    assert file.read_text() == "there before"


def test_case_89_a_second_populate_overwrites_the_token_file(tmp_path: Path) -> None:
    with serving(only(github={"token": "first"})) as fake:
        form = process(fake, tmp_path)
        form.populate(BOB)
        fake.answer = only(github={"token": "second"})
        form.populate(BOB)
        assert token_file(tmp_path).read_text() == os.environ["GITHUB_TOKEN"] == "second"
        assert [path.name for path in token_file(tmp_path).parent.iterdir() if "token" in path.name] == [".ambient_github_token"]
        form.clear()


def test_case_89_the_gh_wrapper_is_there_once_executable_and_first_in_path(tmp_path: Path) -> None:
    before = os.environ["PATH"]
    with serving(only(**FOUR)) as fake:
        form = process(fake, tmp_path)
        form.populate(BOB)
        first = Path(os.environ["PATH"].split(os.pathsep)[0]) / "gh"
        number = first.stat().st_ino
        form.populate(BOB)
        assert os.environ["PATH"].split(os.pathsep).count(str(first.parent)) == 1
        assert os.environ["PATH"].startswith(f"{first.parent}{os.pathsep}")
        assert first.stat().st_ino == number, "written once"
        assert os.access(first, os.X_OK) and stat.S_IMODE(first.stat().st_mode) == 0o700
        form.clear()
        assert os.environ["PATH"] == before and not first.exists()


def test_values_that_were_there_before_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "before")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.editor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "ed")
    before = dict(os.environ)
    with serving(only(**FOUR)) as fake:
        form = process(fake, tmp_path)
        for _ in range(3):
            form.populate(BOB)
            assert os.environ["GITHUB_TOKEN"] == "ghp_b" and os.environ["GIT_CONFIG_COUNT"] == "5"
        form.clear()
    assert dict(os.environ) == before


def test_what_somebody_changed_meanwhile_is_left_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(only(**FOUR)) as fake:
        form = process(fake, tmp_path)
        form.populate(BOB)
        monkeypatch.setenv("JIRA_URL", "changed")
        monkeypatch.delenv("JIRA_EMAIL")
        file = token_file(tmp_path)
        file.unlink()
        file.write_text("somebody else's")
        link = tmp_path / "root/tmp/.ambient_gitlab_token"
        link.unlink()
        link.symlink_to(file)
        cleared = form.clear()
    assert set(cleared.left) == {"JIRA_URL", "JIRA_EMAIL", str(file), str(link)}
    assert os.environ["JIRA_URL"] == "changed" and file.read_text() == "somebody else's" and link.is_symlink()
    assert "GITHUB_TOKEN" not in os.environ


def test_a_file_that_a_tool_rewrote_in_place_is_removed(tmp_path: Path) -> None:
    """It still has that person's token in it."""
    with serving(only(**FOUR)) as fake:
        form = process(fake, tmp_path)
        form.populate(BOB)
        file = tmp_path / "root/workspace/.google_workspace_mcp/credentials/bob@example.org.json"
        with file.open("r+") as opened:
            opened.write('{"token": "renewed by a tool"')
        form.clear()
        assert not file.exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    file = token_file(tmp_path)
    file.parent.mkdir(parents=True)
    file.symlink_to(victim)
    with serving(only(**FOUR)) as fake:
        form = process(fake, tmp_path)
        form.populate(BOB)
        assert victim.read_text() == "untouched" and not file.is_symlink() and file.read_text() == "ghp_b"
        form.clear()


@pytest.mark.parametrize("first, then", [(BOB, ALICE), (ALICE, BOB), (BOB, NOBODY), (NOBODY, BOB)])
@pytest.mark.parametrize("keep", ["true", "false"])
@pytest.mark.parametrize("next_status", [404, 503])
def test_a_change_of_person_always_clears(tmp_path: Path, first: object, then: object, keep: str, next_status: int) -> None:
    """Whoever comes next finds nothing of the one before: has connected nothing, or cannot be answered for."""
    from claviger_runner import Sender

    assert isinstance(first, Sender) and isinstance(then, Sender)
    before = dict(os.environ)
    with serving(everybody) as fake:
        form = process(fake, tmp_path, KEEP_CREDENTIALS_PERSISTENT=keep)
        with form.turn(first):
            one = os.environ["GITHUB_TOKEN"]
        assert ("GITHUB_TOKEN" in os.environ) == token_file(tmp_path).exists() == (keep == "true")

        def nothing(_: Asked) -> Say:
            assert "GITHUB_TOKEN" not in os.environ, "cleared before the server is asked"
            return Say(next_status)

        fake.answer = nothing
        with form.turn(then):
            assert "GITHUB_TOKEN" not in os.environ and "GITLAB_TOKEN" not in os.environ
            assert not token_file(tmp_path).exists()
            assert one not in "\n".join(os.environ.values())
        form.clear()
    assert dict(os.environ) == before


def test_kept_credentials_are_fetched_again_for_the_same_person(tmp_path: Path) -> None:
    with serving(only(**FOUR)) as fake:
        form = process(fake, tmp_path, KEEP_CREDENTIALS_PERSISTENT="true")
        with form.turn(BOB):
            pass
        assert os.environ["GITHUB_TOKEN"] == "ghp_b"
        fake.answer = only(gitlab=FOUR["gitlab"])
        with form.turn(BOB):
            assert "GITHUB_TOKEN" not in os.environ, "disconnected meanwhile"
            assert os.environ["GITLAB_TOKEN"] == "glpat-b"
        form.clear()


def test_overlapping_turns_are_refused_or_wait(tmp_path: Path) -> None:
    with serving(everybody) as fake:
        form = process(fake, tmp_path)
        begun, waited = threading.Event(), []

        def alice() -> None:
            begun.set()
            with form.turn(ALICE, wait_seconds=30):
                waited.append(os.environ["GITHUB_TOKEN"])

        with form.turn(BOB):
            with pytest.raises(Overlap), form.turn(ALICE):
                pytest.fail("it began")
            with pytest.raises(Overlap):
                form.populate(ALICE)
            with pytest.raises(Overlap):
                form.clear()
            thread = threading.Thread(target=alice)
            thread.start()
            begun.wait(10)
            form.populate(BOB)
            assert os.environ["GITHUB_TOKEN"] == "github-of-bob" and not waited
        thread.join(30)
        assert waited == ["github-of-alice"]
        assert "GITHUB_TOKEN" not in os.environ


def test_hundreds_of_process_wide_turns_are_one_after_the_other(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    people = [sender(name, caller_token=bearer(name)) for name in ("alice", "bob", "carol", "dave")]
    with serving(everybody) as fake:
        form = process(fake, tmp_path)

        def turn(number: int) -> None:
            who = people[number % 4]
            with form.turn(who, wait_seconds=120):
                for _ in range(20):
                    assert os.environ["GITHUB_TOKEN"] == f"github-of-{who.user_id}"
                    os.sched_yield()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(turn, range(200)))
    assert "GITHUB_TOKEN" not in os.environ


LEAVES = """
import os, sys
from pathlib import Path
from claviger_runner import ProcessWide, sender
from worlds import runner
made = runner(sys.argv[1], Path(sys.argv[2]))
form = ProcessWide(made.settings, made.fetch, root=Path(sys.argv[2]) / "root")
form.populate(sender("bob"))
if sys.argv[3] == "killed":
    os.kill(os.getpid(), 9)
"""


def leave(url: str, folder: Path, how: str) -> int:
    """Another process that populates and does not clear."""
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(claviger_runner.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": tempfile.gettempdir()}
    done = subprocess.run([sys.executable, "-c", LEAVES, url, str(folder), how], env=environment, capture_output=True, text=True)
    assert not done.stderr
    return done.returncode


def test_what_a_killed_process_left_is_taken_away_by_the_next(tmp_path: Path) -> None:
    """Bob's, at the documented places, before Alice's first message: she has connected nothing."""
    replaced = tmp_path / "root/tmp/.ambient_gitlab_token"
    with serving(only(**FOUR)) as fake:
        assert leave(fake.url, tmp_path, "killed") == -9
        assert token_file(tmp_path).read_text() == "ghp_b"
        replaced.write_text("somebody else's since")
        runner(fake.url, tmp_path)
    left = [file for file in (tmp_path / "root").rglob("*") if file.is_file()]
    assert left == [replaced]


def test_a_process_that_ends_leaves_no_files(tmp_path: Path) -> None:
    with serving(only(**FOUR)) as fake:
        assert leave(fake.url, tmp_path, "ended") == 0
    assert not [file for file in (tmp_path / "root").rglob("*") if file.is_file()]
