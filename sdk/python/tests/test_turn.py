"""A turn: its environment, its files, its end."""

import json
import os
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from claviger_runner import CredentialsRefused, GitHub, Turn, TurnOver, sender
from fake_server import Asked, Say, only, serving
from worlds import FOUR, bearer, in_minutes, runner, without_credentials


class Clock:
    """Both clocks of a turn."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds - 1000.0)

    def monotonic(self) -> float:
        return self.seconds


def folder_of(environment: dict[str, str]) -> Path:
    return Path(environment["PATH"].split(os.pathsep)[0]).parent


def test_the_environment_has_the_senders_credentials_and_the_process_has_none(tmp_path: Path) -> None:
    before = dict(os.environ)
    with serving(only(**FOUR)) as fake, runner(fake.url, tmp_path).turn("bob", "Bob", bearer("bob")) as turn:
        environment = turn.environment()
        assert dict(os.environ) == before
        assert environment["GITHUB_TOKEN"] == environment["GH_TOKEN"] == "ghp_b"
        assert environment["GITLAB_TOKEN"] == "glpat-b"
        assert environment["JIRA_URL"] == "https://jira.example.org"
        assert environment["JIRA_API_TOKEN"] == "jira-b"
        assert environment["JIRA_EMAIL"] == environment["USER_GOOGLE_EMAIL"] == "bob@example.org"
        assert environment["GIT_AUTHOR_NAME"] == environment["GIT_COMMITTER_NAME"] == "Bob B."
        google = json.loads((Path(environment["GOOGLE_MCP_CREDENTIALS_DIR"]) / "bob@example.org.json").read_text())
        assert google["token"] == "ya29.b" and google["refresh_token"] == ""
    assert dict(os.environ) == before


def test_files_are_the_owners_alone_and_gone_afterwards(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with serving(only(**FOUR, kubeconfig={"token": "apiVersion: v1\n"})) as fake:
            with runner(fake.url, tmp_path).turn("bob") as turn:
                folder = folder_of(turn.environment())
                assert stat.S_IMODE(folder.stat().st_mode) == 0o700
                files = [path for path in folder.rglob("*") if path.is_file()]
                assert len(files) >= 6
                for path in files:
                    mode = stat.S_IMODE(path.stat().st_mode)
                    assert mode == (0o700 if path.name == "gh" else 0o600), path
                for path in folder.rglob("*"):
                    assert not path.is_dir() or stat.S_IMODE(path.stat().st_mode) == 0o700, path
                assert Path(turn.environment()["KUBECONFIG"]).read_text() == "apiVersion: v1\n"
            assert not folder.exists()
    finally:
        os.umask(old)


def test_what_is_not_the_senders_is_taken_out(tmp_path: Path) -> None:
    """Bob has connected nothing: not the container's tokens, nor another turn's, nor a login in the home folder."""
    base = {
        "GITHUB_TOKEN": "ghp_container",
        "GH_TOKEN": "ghp_container",
        "JIRA_API_TOKEN": "jira_container",
        "KUBECONFIG": "/container/kubeconfig",
        "GIT_ASKPASS": "/container/askpass",
        "BOT_TOKEN": "bot",
        "PATH": f"/tmp/claviger-turn-x/bin{os.pathsep}/usr/bin",
        "UNRELATED_TOKEN": "stays",
    }
    with serving(only()) as fake, runner(fake.url, tmp_path).turn("bob", "Bob") as turn:
        environment = turn.environment(base)
        text = without_credentials(environment)
        assert "container" not in text and "BOT_TOKEN" not in text and "claviger-turn-x" not in text
        assert environment["UNRELATED_TOKEN"] == "stays"
        assert environment["GIT_AUTHOR_NAME"] == "Bob"
        assert not Path(environment["KUBECONFIG"]).exists()
        assert turn.missing["github"].reason == "no such credentials"


def test_children_get_it(tmp_path: Path) -> None:
    program = "import os; print(os.environ['GITHUB_TOKEN'], os.environ.get('MORE'))"
    with serving(only(**FOUR)) as fake, runner(fake.url, tmp_path).turn("bob") as turn:
        done = turn.run([sys.executable, "-c", program], env={**os.environ, "MORE": "m"}, capture_output=True, text=True)
        assert done.stdout == "ghp_b m\n"
        with turn.popen([sys.executable, "-c", program], stdout=-1, text=True) as child:
            assert child.communicate()[0] == "ghp_b None\n"
        with pytest.raises(Exception, match="returned non-zero"):
            turn.run([sys.executable, "-c", "raise SystemExit(3)"], check=True)


def test_a_refusal_ends_the_turn_before_it_begins_and_names_all(tmp_path: Path) -> None:
    answers = only(github=FOUR["github"], gitlab=Say(403), jira=Say(401))
    with serving(answers) as fake:
        made = runner(fake.url, tmp_path)
        with pytest.raises(CredentialsRefused) as caught, made.turn("bob", "Bob", bearer("bob")):
            pytest.fail("it began")
        assert caught.value.providers == ("gitlab", "jira")
        with made.turn("bob", "Bob", bearer("bob"), tolerates_refusals=True) as turn:
            assert turn.environment()["GITHUB_TOKEN"] == "ghp_b"
            assert set(turn.refused) == {"gitlab", "jira"}


def test_after_its_end_it_gives_nothing(tmp_path: Path) -> None:
    with serving(only(**FOUR)) as fake:
        with runner(fake.url, tmp_path).turn("bob") as turn:
            assert turn.credentials
        for use in (turn.environment, turn.refresh, lambda: turn.credentials, turn.__enter__):
            with pytest.raises(TurnOver):
                use()


def test_refresh_at_most_every_30_seconds(tmp_path: Path) -> None:
    clock = Clock()
    with serving(only(**FOUR)) as fake:
        made = runner(fake.url, tmp_path)
        with Turn(made.settings, sender("bob"), made.fetch, now=clock.now, monotonic=clock.monotonic) as turn:
            clock.seconds += 29.9
            assert turn.refresh() is False
            clock.seconds += 0.2
            assert turn.refresh() is True
            assert len(fake.of("github")) == 2


def test_refresh_is_forced_when_something_ends_within_five_minutes(tmp_path: Path) -> None:
    clock = Clock()
    with serving(only(github={"token": "t1", "expiresAt": in_minutes(15)})) as fake:
        made = runner(fake.url, tmp_path)
        with Turn(made.settings, sender("bob"), made.fetch, now=clock.now, monotonic=clock.monotonic) as turn:
            file = folder_of(turn.environment()) / "github.token"
            fake.answer = only(github={"token": "t2", "expiresAt": in_minutes(60)})
            clock.seconds += 9.9 * 60
            assert turn.environment()["GITHUB_TOKEN"] == "t1"
            clock.seconds += 0.2 * 60
            assert turn.environment()["GITHUB_TOKEN"] == "t2", "asked for by itself"
            assert file.read_text() == "t2"
            clock.seconds += 2
            assert turn.refresh() is False


def test_a_forced_refresh_does_not_wait_for_the_30_seconds(tmp_path: Path) -> None:
    clock = Clock()
    with serving(only(github={"token": "t1", "expiresAt": in_minutes(4)})) as fake:
        made = runner(fake.url, tmp_path)
        with Turn(made.settings, sender("bob"), made.fetch, now=clock.now, monotonic=clock.monotonic, keeps_fresh=False) as turn:
            clock.seconds += 0.9
            assert turn.refresh() is False, "nor is the server asked in a loop"
            clock.seconds += 0.2
            assert turn.refresh() is True and len(fake.of("github")) == 2


def test_a_running_turn_renews_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from claviger_runner import freshness

    monkeypatch.setattr(freshness, "REFRESH_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(freshness, "FORCED_EVERY_SECONDS", 0.0)
    with serving(only(github={"token": "t1", "expiresAt": in_minutes(1)})) as fake:
        with runner(fake.url, tmp_path).turn("bob") as turn:
            fake.answer = only(github={"token": "t2", "expiresAt": in_minutes(60)})
            deadline = datetime.now(UTC) + timedelta(seconds=20)
            while True:
                found = turn.credentials["github"]
                assert isinstance(found, GitHub)
                if found.token.reveal() == "t2":
                    break
                assert datetime.now(UTC) < deadline
                os.sched_yield()


def test_what_is_disconnected_in_a_turn_is_taken_away(tmp_path: Path) -> None:
    clock = Clock()
    with serving(only(**FOUR)) as fake:
        made = runner(fake.url, tmp_path)
        with Turn(made.settings, sender("bob"), made.fetch, now=clock.now, monotonic=clock.monotonic) as turn:
            file = folder_of(turn.environment()) / "github.token"
            assert file.exists()
            fake.answer = only(gitlab=FOUR["gitlab"])
            clock.seconds += 31
            turn.refresh()
            environment = turn.environment()
            assert not file.exists() and "GITHUB_TOKEN" not in environment and environment["GITLAB_TOKEN"] == "glpat-b"


def test_a_server_that_is_away_takes_nothing_away_until_it_ends(tmp_path: Path) -> None:
    clock = Clock()
    with serving(only(github={**FOUR["github"], "expiresAt": in_minutes(60)}, gitlab=FOUR["gitlab"])) as fake:
        made = runner(fake.url, tmp_path)
        with Turn(made.settings, sender("bob"), made.fetch, now=clock.now, monotonic=clock.monotonic) as turn:
            fake.answer = lambda asked: Say(503)
            clock.seconds += 31
            turn.refresh()
            assert set(turn.credentials) == {"github", "gitlab"}
            clock.seconds += 60 * 60
            turn.refresh()
            assert set(turn.credentials) == {"gitlab"}


def test_refused_in_a_turn_is_taken_away_and_said(tmp_path: Path) -> None:
    clock = Clock()
    with serving(only(**FOUR)) as fake:
        made = runner(fake.url, tmp_path)
        with Turn(made.settings, sender("bob"), made.fetch, now=clock.now, monotonic=clock.monotonic) as turn:
            fake.answer = only(**{**FOUR, "github": Say(401)})
            clock.seconds += 31
            with pytest.raises(CredentialsRefused, match="github"):
                turn.refresh()
            assert "GITHUB_TOKEN" not in turn.environment() and turn.environment()["GITLAB_TOKEN"] == "glpat-b"


def test_a_late_refresh_changes_nothing_after_the_end(tmp_path: Path) -> None:
    """The turn ends while the server is still thinking."""
    clock = Clock()
    turn: Turn

    def ends(asked: Asked) -> Say:
        turn.close()
        return Say(200, {"token": "too-late"})

    with serving(only(**FOUR)) as fake:
        made = runner(fake.url, tmp_path)
        with Turn(made.settings, sender("bob"), made.fetch, now=clock.now, monotonic=clock.monotonic) as turn:
            fake.answer = ends
            clock.seconds += 31
            with pytest.raises(TurnOver):
                turn.refresh()


def test_an_enterprise_token_is_not_given_to_github_com(tmp_path: Path) -> None:
    answer = only(github={"token": "ghp_e", "instanceUrl": "https://git.corp.example/api/v3"})
    with serving(answer) as fake, runner(fake.url, tmp_path).turn("bob") as turn:
        environment = turn.environment()
        assert "GH_TOKEN" not in environment
        assert (environment["GH_HOST"], environment["GH_ENTERPRISE_TOKEN"]) == ("git.corp.example", "ghp_e")


def test_gerrit_coderabbit_mcp_and_others(tmp_path: Path) -> None:
    instances = [
        {"instanceName": "a", "url": "https://a.example", "authMethod": "http_basic", "username": "bob", "httpToken": "h"},
        {"instanceName": "b", "url": "https://b.example", "authMethod": "git_cookies", "gitcookiesContent": "b\tFALSE\t/"},
    ]
    mcp = tmp_path / "mcp.json"
    mcp.write_text(json.dumps({"mcpServers": {"my-weather": {"env": {"K": "${MCP_MY_WEATHER_KEY}", "H": "x"}}, "none": {}}}))
    answers = {
        "gerrit": {"instances": instances},
        "coderabbit": {"apiKey": "cr"},
        "mcp/my-weather": {"serverName": "my-weather", "fields": {"key": "w"}},
        "linear": {"token": "lin"},
    }
    from claviger_runner import Runner
    from worlds import settings

    with serving(only(**answers)) as fake:
        made = Runner(settings(fake.url, tmp_path, MCP_CONFIG_FILE=str(mcp)), variables={"linear": "LINEAR_API_KEY"})
        assert "mcp/my-weather" in made.providers and "mcp/none" not in made.providers
        with made.turn("bob") as turn:
            environment = turn.environment({"MCP_MY_WEATHER_KEY": "other", "LINEAR_API_KEY": "other"})
            assert environment["CODERABBIT_API_KEY"] == "cr"
            assert environment["MCP_MY_WEATHER_KEY"] == "w" and environment["LINEAR_API_KEY"] == "lin"
            config = json.loads(Path(environment["GERRIT_CONFIG_PATH"]).read_text())
            first, second = config["gerrit_hosts"]
            assert first["authentication"] == {"type": "http_basic", "username": "bob", "auth_token": "h"}
            assert Path(second["authentication"]["gitcookies_path"]).read_text() == "b\tFALSE\t/\n"
        fake.answer = only()
        with made.turn("carol") as turn:
            environment = turn.environment({"MCP_MY_WEATHER_KEY": "other", "LINEAR_API_KEY": "other"})
            assert "MCP_MY_WEATHER_KEY" not in environment and "LINEAR_API_KEY" not in environment
    for shape in (instances, instances[0]):
        with serving(only(gerrit=shape)) as fake, runner(fake.url, tmp_path).turn("bob") as turn:
            assert "gerrit" in turn.credentials


def test_folders_of_killed_processes_are_swept(tmp_path: Path) -> None:
    import subprocess
    import tempfile

    from claviger_runner import turn_folder

    program = (
        "import os, sys; from claviger_runner.turn_folder import TurnFolder; f = TurnFolder(); print(f.path, flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    source = str(Path(turn_folder.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source, "TMPDIR": tempfile.gettempdir()}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    left = Path(done.stdout.strip())
    assert left.is_dir()
    running = turn_folder.TurnFolder()
    assert turn_folder.sweep() == 1
    assert not left.exists() and running.path.exists()
    running.remove()
