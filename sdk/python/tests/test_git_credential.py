"""The credential helper, with the real git."""

import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from claviger_runner import GitHub, Secret, git_access, git_credential
from fake_server import only, serving
from worlds import FOUR, in_minutes, runner


def fill(environment: dict[str, str], asked: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["git", "credential", "fill"]
    return subprocess.run(command, input=asked, env=environment, cwd=folder, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    "asked, expected",
    [
        ("protocol=https\nhost=github.com\n", ("x-access-token", "ghp_b")),
        ("protocol=https\nhost=gist.github.com\n", ("x-access-token", "ghp_b")),
        ("protocol=https\nhost=github.com:443\n", ("x-access-token", "ghp_b")),
        ("protocol=https\nhost=GitHub.com\n", ("x-access-token", "ghp_b")),
        ("protocol=https\nhost=github.com\nusername=somebody\n", ("x-access-token", "ghp_b")),
        ("protocol=https\nhost=gitlab.example.org\n", ("oauth2", "glpat-b")),
        ("protocol=http\nhost=github.com\n", None),
        ("protocol=https\nhost=github.com.evil.example\n", None),
        ("protocol=https\nhost=evil-github.com\n", None),
        ("protocol=https\nhost=github.com:8443\n", None),
        ("protocol=https\nhost=gitlab.com\n", None),
        ("protocol=https\nhost=gitlab.example.org.evil\n", None),
    ],
)
def test_git_gets_the_token_of_exact_hosts(tmp_path: Path, asked: str, expected: tuple[str, str] | None) -> None:
    with serving(only(**FOUR)) as fake, runner(fake.url, tmp_path).turn("bob") as turn:
        done = fill(turn.environment(), asked + "\n", tmp_path)
        if expected is None:
            assert done.returncode != 0 and "ghp_b" not in done.stdout and "glpat-b" not in done.stdout
        else:
            assert f"username={expected[0]}\npassword={expected[1]}\n" in done.stdout, done.stderr


def test_other_helpers_are_not_asked_and_not_told(tmp_path: Path) -> None:
    """Somebody's store in the home folder would answer with its own, and would keep ours."""
    home = Path(os.environ["HOME"])
    (home / ".gitconfig").write_text("[credential]\n\thelper = store\n[user]\n\tname = Owner\n\temail = o@x\n")
    (home / ".git-credentials").write_text("https://owner:ghp_owner@github.com\n")
    with serving(only()) as fake, runner(fake.url, tmp_path).turn("carol") as turn:
        done = fill(turn.environment(), "protocol=https\nhost=github.com\n\n", tmp_path)
        assert done.returncode != 0 and "ghp_owner" not in done.stdout
    with serving(only(**FOUR)) as fake, runner(fake.url, tmp_path).turn("bob") as turn:
        approved = "protocol=https\nhost=github.com\nusername=x-access-token\npassword=ghp_b\n\n"
        for word in ("approve", "reject"):
            subprocess.run(
                ["git", "credential", word], input=approved, env=turn.environment(), cwd=tmp_path, text=True, check=True
            )
        assert "ghp_b" not in (home / ".git-credentials").read_text()
        assert "password=ghp_b" in fill(turn.environment(), "protocol=https\nhost=github.com\n\n", tmp_path).stdout


def test_in_sidecar_mode_git_gets_no_token(tmp_path: Path) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text("[credential]\n\thelper = store\n")
    (Path(os.environ["HOME"]) / ".git-credentials").write_text("https://owner:ghp_owner@github.com\n")
    with serving(only(**FOUR)) as fake, runner(fake.url, tmp_path, CREDENTIAL_SIDECAR_MODE="true").turn("bob") as turn:
        done = fill(turn.environment(), "protocol=https\nhost=github.com\n\n", tmp_path)
        assert done.returncode != 0 and "ghp_" not in done.stdout


def test_somebodys_program_for_passwords_is_not_asked(tmp_path: Path) -> None:
    program = tmp_path / "askpass"
    program.write_text("#!/bin/sh\necho ghp_owner\n")
    program.chmod(0o755)
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(f"[core]\n\taskPass = {program}\n")
    with serving(only()) as fake, runner(fake.url, tmp_path).turn("carol") as turn:
        environment = turn.environment({**os.environ, "GIT_ASKPASS": str(program), "SSH_ASKPASS": str(program)})
        done = fill(environment, "protocol=https\nhost=github.com\n\n", tmp_path)
        assert done.returncode != 0 and "ghp_owner" not in done.stdout


def test_commits_are_the_senders(tmp_path: Path) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text("[user]\n\tname = Owner\n\temail = owner@x\n")
    with serving(only(**FOUR)) as fake, runner(fake.url, tmp_path).turn("bob") as turn:
        for command in (["init", "-q", "r"], ["-C", "r", "commit", "-q", "--allow-empty", "-m", "m"]):
            turn.run(["git", *command], cwd=tmp_path, check=True)
        said = turn.run(["git", "-C", "r", "log", "--format=%an <%ae> %cn <%ce>"], cwd=tmp_path, capture_output=True, text=True)
        assert said.stdout == "Bob B. <bob@example.org> Bob B. <bob@example.org>\n"
        named = turn.run(["git", "-C", "r", "config", "user.name"], cwd=tmp_path, capture_output=True, text=True)
        assert named.stdout == "Bob B.\n"


def test_a_renewed_token_reaches_a_child_that_runs_already(tmp_path: Path) -> None:
    with (
        serving(only(github={"token": "t1", "expiresAt": in_minutes(4)})) as fake,
        runner(fake.url, tmp_path).turn("bob") as turn,
    ):
        environment = turn.environment()
        asked = "protocol=https\nhost=github.com\n\n"
        assert "password=t1" in fill(environment, asked, tmp_path).stdout
        fake.answer = only(github={"token": "t2", "expiresAt": in_minutes(60)})
        turn._refresh_now()
        assert "password=t2" in fill(environment, asked, tmp_path).stdout
    assert fill(environment, asked, tmp_path).returncode != 0, "the turn is over"


def test_the_process_wide_form_serves_git_too(tmp_path: Path) -> None:
    from claviger_runner import ProcessWide, sender

    with serving(only(**FOUR)) as fake:
        made = runner(fake.url, tmp_path)
        with ProcessWide(made.settings, made.fetch, root=tmp_path / "root").turn(sender("bob")):
            asked = "protocol=https\nhost=github.com\n\n"
            assert "password=ghp_b" in fill(dict(os.environ), asked, tmp_path).stdout
            script = tmp_path / "root/tmp/git-credential-ambient"
            done = subprocess.run([script, "get"], input=asked, capture_output=True, text=True)
            assert done.stdout == "username=x-access-token\npassword=ghp_b\n"
        assert fill(dict(os.environ), asked, tmp_path).returncode != 0


def test_the_command_answers_get_and_ignores_store_and_erase(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("tok")
    entry = {"protocol": "https", "host": "github.com", "username": "u", "password_file": str(tmp_path / "t"), "expires_at": None}
    store = tmp_path / "git.json"
    store.write_text(json.dumps([entry]))
    source = str(Path(git_credential.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source, git_credential.STORE_VARIABLE: str(store)}
    asked = "capability[]=authtype\nprotocol=https\nhost=github.com\nwwwauth[]=Basic\n\n"
    for word, expected in (("get", "username=u\npassword=tok\n"), ("store", ""), ("erase", ""), ("capability", "")):
        command = [sys.executable, "-m", "claviger_runner", "git-credential", word]
        done = subprocess.run(command, input=asked, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == expected
    wrong = subprocess.run([sys.executable, "-m", "claviger_runner", "other"], env=environment, capture_output=True, text=True)
    assert wrong.returncode == 2 and "usage" in wrong.stderr


@pytest.mark.parametrize(
    "instance, expected",
    [
        ("", ["https github.com", "https gist.github.com"]),
        ("https://api.github.com/", ["https github.com", "https gist.github.com"]),
        ("https://Git.Corp.example:8443/api/v3", ["https git.corp.example:8443"]),
        ("https://git.corp.example:443", ["https git.corp.example"]),
        ("http://127.0.0.1:4000/github", ["http 127.0.0.1:4000"]),
        # In clear text it would be read on its way.
        ("http://git.corp.example", []),
        ("ssh://git.corp.example", []),
        ("git.corp.example", []),
        ("https://", []),
        ("https://x:port", []),
    ],
)
def test_the_hosts_of_an_instance(instance: str, expected: list[str]) -> None:
    found = git_access.hosts(GitHub(Secret("t"), instance=instance))
    assert [f"{host.protocol} {host.host}" for host in found] == expected


def test_what_has_ended_or_breaks_the_protocol_is_not_answered(tmp_path: Path) -> None:
    password = tmp_path / "t"
    store = tmp_path / "git.json"
    asked = b"protocol=https\nhost=github.com\n\n"

    def told(token: str, expires_at: int | None) -> bytes:
        password.write_text(token)
        entry = {"protocol": "https", "host": "github.com", "username": "u", "password_file": str(password)}
        store.write_text(json.dumps([{**entry, "expires_at": expires_at}]))
        return git_credential.answer(str(store), asked, time.time())

    later = int(time.time()) + 600
    assert told("tok", later) == f"username=u\npassword=tok\npassword_expiry_utc={later}\n".encode()
    assert told("tok", int(time.time()) - 1) == b""
    assert told("tok\nhost=evil", None) == b""
    assert git_credential.answer(str(store), b"protocol=https\n\n", 0) == b""
    assert git_credential.answer(str(tmp_path / "none"), asked, 0) == b""
    store.write_text("{")
    assert git_credential.answer(str(store), asked, 0) == b""
    out = io.BytesIO()
    assert git_credential.main(["get"], io.BytesIO(asked), out) == 2 and not out.getvalue()


def test_what_lies_in_the_repository_is_not_imported(tmp_path: Path) -> None:
    """A repository with a `json.py` must not run as the helper."""
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    (tmp_path / "claviger_runner").mkdir()
    with serving(only(**FOUR)) as fake, runner(fake.url, tmp_path).turn("bob") as turn:
        done = fill({**turn.environment(), "PYTHONPATH": str(tmp_path)}, "protocol=https\nhost=github.com\n\n", tmp_path)
        assert "password=ghp_b" in done.stdout, done.stderr


def test_the_gh_wrapper_gives_the_latest_token_to_the_real_gh(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "gh").write_text('#!/bin/sh\necho "$GH_TOKEN $*"\n')
    (real / "gh").chmod(0o755)
    path = f"{real}{os.pathsep}{os.environ['PATH']}"
    with serving(only(github={"token": "t1"})) as fake, runner(fake.url, tmp_path).turn("bob") as turn:
        environment = turn.environment({"PATH": path})
        call = ["gh", "pr list", "--web"]

        def say() -> str:
            return subprocess.run(["sh", "-c", 'gh "$@"', *call], env=environment, capture_output=True, text=True).stdout

        assert say() == "t1 pr list --web\n"
        fake.answer = only(github={"token": "t2"})
        turn._refresh_now()
        assert say() == "t2 pr list --web\n"
        missing = subprocess.run(
            ["sh", "-c", "gh"], env=turn.environment({"PATH": "/nowhere:/bin:/usr/bin"}), capture_output=True
        )
        assert missing.returncode == 127 or shutil.which("gh", path="/bin:/usr/bin")


def test_the_gh_wrapper_passes_over_another_turns(tmp_path: Path) -> None:
    """A program that the child starts may have put the folder of another turn into its `PATH`."""
    other = tmp_path / "claviger-turn-other" / "bin"
    real = tmp_path / "real"
    for folder, said in ((other, "another turn"), (real, "real")):
        folder.mkdir(parents=True)
        (folder / "gh").write_text(f"#!/bin/sh\necho {said}\n")
        (folder / "gh").chmod(0o755)
    with serving(only(**FOUR)) as fake, runner(fake.url, tmp_path).turn("bob") as turn:
        environment = turn.environment()
        first = environment["PATH"].split(os.pathsep)[0]
        path = os.pathsep.join([first, str(other), str(real), os.environ["PATH"]])
        done = subprocess.run(["sh", "-c", "gh"], env={**environment, "PATH": path}, capture_output=True, text=True)
        assert done.stdout == "real\n"
