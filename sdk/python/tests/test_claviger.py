"""Against the real server: two people in one session, overlapping, and the tokens compared by value.

Runs where `CLAVIGER_BIN` names the program; `cargo xtask test` sets it.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from claviger_runner import CredentialsRefused, GitHub, GitLab, Google, Jira, Runner, Settings, Turn

pytestmark = pytest.mark.skipif("CLAVIGER_BIN" not in os.environ, reason="CLAVIGER_BIN names no program")

PEOPLE = ("alice", "bob")


@dataclass
class World:
    """A development server, with a session that Alice made and Bob may write to."""

    dev: dict[str, Any]
    folder: Path

    @property
    def session(self) -> dict[str, str]:
        found: dict[str, str] = self.dev["sessions"][0]
        return found

    def runner(self, **more: str) -> Runner:
        """As an unmodified one has it: a base without `/api`, no credential ids."""
        environment = {
            "BACKEND_API_URL": self.dev["url"],
            "PROJECT_NAME": self.session["project"],
            "SESSION_ID": self.session["id"],
            "BOT_TOKEN": self.session["token"],
            "MCP_CONFIG_FILE": str(self.folder / "none"),
            **more,
        }
        return Runner(Settings.from_environment(environment, allow_loopback=True, bot_token_file=self.folder / "none"))

    def bearer(self, person: str) -> str:
        return f"Bearer {self.dev['people'][person]['bearer']}"

    def platform(self) -> str:
        """The program that opens turns."""
        return f"Bearer {self.dev['proxy']['bearer']}"

    def call(self, method: str, path: str, bearer: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": bearer, "Content-Type": "application/json"}
        request = urllib.request.Request(self.dev["url"] + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = answer.read()
        return json.loads(said) if said else None

    @contextmanager
    def opened(self, person: str, run: str) -> Iterator[str]:
        """A turn that the platform's proxy opens: its own bearer."""
        proxy = self.platform()
        body = {"project": self.session["project"], "session": self.session["id"], "run": run, "user": person}
        turn = self.call("POST", "/api/claviger/v1/turns", proxy, body)
        try:
            yield f"Bearer {turn['token']}"
        finally:
            self.call("DELETE", f"/api/claviger/v1/turns/{turn['id']}", proxy)

    def own(self, person: str) -> dict[str, str]:
        """Their GitHub and Jira tokens, which are stored, read flat by themselves: what must come back in the session."""
        tokens = {}
        for provider in ("github", "jira"):
            path = f"/api/ambient/v1/credentials/{self.dev['credentials'][f'{person}-{provider}']}/token"
            tokens[provider] = self.call("GET", path, self.bearer(person))["token"]
        return tokens


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("claviger")
    log = (folder / "log").open("wb")
    command = [os.environ["CLAVIGER_BIN"], "dev", "--data", str(folder / "data")]
    # Its own configuration has that prefix, and it refuses what it does not know.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLAVIGER_")}
    with log, subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True) as server:
        try:
            yield World(_ready(folder / "data/dev.json", server, folder / "log"), folder)
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)


def _ready(file: Path, server: "subprocess.Popen[bytes]", log: Path) -> dict[str, Any]:
    """It writes the file, whole, when it answers."""
    end = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < end:
        try:
            found: dict[str, Any] = json.loads(file.read_text())
            return found
        except (OSError, ValueError):
            time.sleep(0.05)
    pytest.fail(f"the server is not ready:\n{log.read_text()}")


def check(turn: Turn, world: World, person: str, own: dict[str, str]) -> None:
    """All four are this person's, by value where it is stored and by what the emulated upstream puts into it otherwise."""
    found = turn.credentials
    github, gitlab, jira, google = (found[name] for name in ("github", "gitlab", "jira", "google"))
    assert isinstance(github, GitHub) and isinstance(gitlab, GitLab) and isinstance(jira, Jira) and isinstance(google, Google)
    assert github.token.reveal() == own["github"] and jira.api_token.reveal() == own["jira"]
    assert gitlab.token.reveal().startswith(f"{person}-") and google.access_token.reveal().startswith(f"ya29.c.{person}-")
    assert {github.email, gitlab.email, jira.email, google.email} == {f"{person}@example.org"}
    assert google.refresh_token.reveal() == ""
    done = turn.run(["sh", "-c", 'echo "$GITHUB_TOKEN $JIRA_API_TOKEN $GIT_AUTHOR_EMAIL"'], capture_output=True, text=True)
    assert done.stdout.split() == [own["github"], own["jira"], f"{person}@example.org"]


def test_two_people_each_with_their_own_bearer_overlapping(world: World) -> None:
    made, own = world.runner(), {person: world.own(person) for person in PEOPLE}
    assert own["alice"] != own["bob"]
    with made.turn("alice", "Alice", world.bearer("alice")) as alices, made.turn("bob", "Bob", world.bearer("bob")) as bobs:
        check(alices, world, "alice", own["alice"])
        check(bobs, world, "bob", own["bob"])


def test_two_turns_that_the_proxy_opened_overlapping(world: World) -> None:
    made, own = world.runner(), {person: world.own(person) for person in PEOPLE}
    with world.opened("alice", "run-1") as for_alice, world.opened("bob", "run-2") as for_bob:
        with made.turn("alice", "Alice", for_alice) as alices, made.turn("bob", "Bob", for_bob) as bobs:
            check(bobs, world, "bob", own["bob"])
            check(alices, world, "alice", own["alice"])


def test_many_turns_at_once(world: World) -> None:
    made, own = world.runner(), {person: world.own(person) for person in PEOPLE}
    together = threading.Barrier(4)

    def one(number: int) -> None:
        person = PEOPLE[number % 2]
        with world.opened(person, f"many-{number}") as bearer, made.turn(person, person, bearer) as turn:
            if number < 4:
                together.wait(timeout=60)
            check(turn, world, person, own[person])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(24)))


def test_the_senders_bearer_has_ended_and_the_session_asks_for_them(world: World) -> None:
    """In an open turn the session's own token reads for its user, and for nobody else whom somebody names."""
    made, own = world.runner(), world.own("bob")
    with world.opened("bob", "run-3"):
        with made.turn("bob", "Bob", "Bearer cvp_has-ended") as turn:
            check(turn, world, "bob", own)
        with pytest.raises(CredentialsRefused) as caught, made.turn("alice", "Alice", "Bearer cvp_has-ended"):
            pytest.fail("Alice's, in Bob's turn")
        assert "github" in caught.value.providers


def test_an_owner_reads_nothing_by_naming_somebody(world: World) -> None:
    with pytest.raises(CredentialsRefused), world.runner().turn("bob", "Bob", world.bearer("alice")):
        pytest.fail("Bob's, with Alice's bearer")


def test_who_has_connected_nothing_is_told_by_name(world: World) -> None:
    made = world.runner()
    fetched = made.fetch(made.turn("carol", "Carol", world.bearer("carol"))._who)
    # Carol has no part in the session: to her, it looks like one in which nothing is configured.
    assert not fetched.credentials
    assert all(missing.reason for missing in fetched.missing.values())
    with world.opened("bob", "run-4") as bearer, made.turn("bob", "Bob", bearer) as turn:
        assert "not configured" in turn.missing["coderabbit"].reason


def test_without_a_turn_the_session_has_what_it_was_granted_and_nobodys_account(world: World) -> None:
    with world.runner().turn() as turn:
        found = turn.credentials
        github = found["github"]
        assert isinstance(github, GitHub) and github.token.reveal().startswith("ghs_") and github.expires_at is not None
        assert not {"gitlab", "jira", "google"} & set(found)
        for person in PEOPLE:
            assert not any(token in "\n".join(turn.environment().values()) for token in world.own(person).values())


def test_by_credential_id(world: World) -> None:
    ids = json.dumps({"kubeconfig": world.dev["credentials"]["team-kubeconfig"]})
    with world.runner(CREDENTIAL_IDS=ids).turn() as turn:
        assert "users: [{name: team}]" in Path(turn.environment()["KUBECONFIG"]).read_text()


def test_the_example_of_the_readme(world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text()
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "dev.json" in block]
    monkeypatch.chdir(world.folder / "data")
    exec(compile(example, "README.md", "exec"), {})
    said = capfd.readouterr().out.split()
    assert said == [word for person in PEOPLE for word in (person, world.own(person)["github"])]


def test_the_exchange_gives_a_session_its_own_token(world: World) -> None:
    """A session of Alice's, started now: its runner has what the start answered and no other token."""
    alice, project = world.bearer("alice"), world.session["project"]
    made = world.call("POST", "/api/ambient/v1/sessions", alice, {"name": "exchange", "project_id": project})
    start = f"/api/ambient/v1/sessions/{made['id']}/start"
    world.call("POST", start, alice, {})
    # What its runner is started with, the platform is told, which starts it.
    started = world.call("POST", start, world.platform(), {})["environment"]
    environment = {
        "BACKEND_API_URL": world.dev["url"],
        "PROJECT_NAME": project,
        "SESSION_ID": made["id"],
        "MCP_CONFIG_FILE": str(world.folder / "none"),
        **started,
    }
    settings = Settings.from_environment(environment, allow_loopback=True, bot_token_file=world.folder / "none")
    with Runner(settings).turn() as turn:
        assert "users: [{name: team}]" in Path(turn.environment()["KUBECONFIG"]).read_text()
        github = turn.credentials["github"]
        assert isinstance(github, GitHub) and github.token.reveal().startswith("ghs_")
        assert not {"gitlab", "jira", "google"} & set(turn.credentials)
    # The same key and the same id, at another session's address: nothing.
    environment["AMBIENT_CP_TOKEN_URL"] = world.session["token_url"]
    other = Settings.from_environment(environment, allow_loopback=True, bot_token_file=world.folder / "none")
    assert Runner(other).session_token() is None
