"""The cases of the wire by their numbers, 78 to 84: what a request looks like and what its answer leads to."""

from pathlib import Path

import pytest

from claviger_runner import GitHub, Runner, Settings, sender
from fake_server import Asked, Say, only, serving
from worlds import FOUR, SERVICE, bearer, runner

BOB = sender("bob", "Bob", bearer("bob"))
NOBODY = sender()


def test_case_78_caller_token_goes_out_verbatim_with_the_current_user(tmp_path: Path) -> None:
    with serving(only(github=FOUR["github"])) as fake:
        runner(fake.url, tmp_path).fetch(sender("bob/../@Ex ample", caller_token="Bearer  odd+token=="), ["github"])
        (asked,) = fake.asked
        assert asked.bearer == "Bearer  odd+token=="
        assert asked.user == "bob..@Example"


def test_case_79_without_a_current_user_the_service_token_and_no_header(tmp_path: Path) -> None:
    with serving(only(github=FOUR["github"])) as fake:
        fetched = runner(fake.url, tmp_path).fetch(NOBODY, ["github"])
        (asked,) = fake.asked
        assert asked.bearer == f"Bearer {SERVICE}"
        assert "x-runner-current-user" not in asked.headers
        found = fetched.credentials["github"]
        assert isinstance(found, GitHub) and found.token.reveal() == "ghp_b"


def test_case_80_unreachable_is_nothing_and_no_exception(tmp_path: Path) -> None:
    with serving(only()) as fake:
        gone = fake.url
    fetched = runner(gone, tmp_path).fetch(BOB)
    assert not fetched.credentials and not fetched.refused
    assert {missing.cause for missing in fetched.missing.values()} == {"unavailable"}


@pytest.mark.parametrize("status", [404, 500, 502, 302, 204])
def test_case_80_404_and_500_are_nothing_and_no_exception(tmp_path: Path, status: int) -> None:
    with serving(lambda _: Say(status, b"")) as fake:
        fetched = runner(fake.url, tmp_path).fetch(BOB, ["github"])
        assert not fetched.credentials and not fetched.refused
        assert fetched.missing["github"].cause == ("not-configured" if status == 404 else "unavailable")
        assert len(fake.asked) == 1, "a 404 triggers no fallback"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[1]",
        b'"x"',
        b"{",
        b"\xff",
        b'{"token": 5}',
        b'{"token": "t", "provider": "gitlab"}',
        b'{"token": "a\\nb"}',
        b"[" * 100_000,
    ],
)
def test_case_80_bad_answers_are_nothing_and_no_exception(tmp_path: Path, body: bytes) -> None:
    with serving(lambda _: Say(200, body)) as fake:
        fetched = runner(fake.url, tmp_path).fetch(BOB, ["github"])
        assert not fetched.credentials and not fetched.refused
        assert fetched.missing["github"].cause == "unavailable"


def test_case_81_without_credential_ids_by_session_and_provider(tmp_path: Path) -> None:
    with serving(only(github=FOUR["github"])) as fake:
        runner(fake.url + "/", tmp_path).fetch(BOB, ["github", "mcp/weather"])
        assert {asked.path for asked in fake.asked} == {
            "/projects/my-project/agentic-sessions/sess-42/credentials/github",
            "/projects/my-project/agentic-sessions/sess-42/credentials/mcp/weather",
        }


def test_case_82_with_credential_ids_by_id_below_the_project(tmp_path: Path) -> None:
    ids = '{"github": "cred-abc"}'
    with serving(lambda _: Say(200, FOUR["github"])) as fake:
        runner(fake.url, tmp_path, CREDENTIAL_IDS=ids).fetch(BOB, ["github"])
        # Some deployments end the base in `/api`, for the other form.
        runner(fake.url + "/api", tmp_path, CREDENTIAL_IDS=ids).fetch(BOB, ["github", "gitlab"])
        assert sorted(asked.path for asked in fake.asked) == [
            "/api/ambient/v1/projects/my-project/credentials/cred-abc/token",
            "/api/ambient/v1/projects/my-project/credentials/cred-abc/token",
            "/api/projects/my-project/agentic-sessions/sess-42/credentials/gitlab",
        ]


def test_case_82_credential_ids_add_their_providers(tmp_path: Path) -> None:
    with serving(only()) as fake:
        names = runner(fake.url, tmp_path, CREDENTIAL_IDS='{"linear": "x1"}').providers
    assert names == ("github", "gitlab", "jira", "google", "coderabbit", "gerrit", "kubeconfig", "linear")


@pytest.mark.parametrize("missing", [{"PROJECT_NAME": ""}, {"SESSION_ID": ""}, {"BACKEND_API_URL": ""}])
def test_case_83_without_project_or_session_nothing_is_asked(tmp_path: Path, missing: dict[str, str]) -> None:
    with serving(only(github=FOUR["github"])) as fake:
        fetched = runner(fake.url, tmp_path, **missing).fetch(BOB)
        assert not fetched.credentials and not fetched.refused
        assert not fake.asked


@pytest.mark.parametrize("status", [401, 403])
def test_case_84_service_token_refused_is_a_permission_error(tmp_path: Path, status: int) -> None:
    with serving(lambda _: Say(status)) as fake:
        fetched = runner(fake.url, tmp_path).fetch(NOBODY, ["github"])
        assert len(fake.asked) == 1, "the same token again would be refused again"
    with pytest.raises(PermissionError, match=f"github authentication failed with HTTP {status}"):
        fetched.raise_refused()


def test_case_84_another_bot_token_is_tried_once(tmp_path: Path) -> None:
    file = tmp_path / "bot-token"
    file.write_text("first\n")

    def answer(asked: Asked) -> Say:
        if asked.bearer == "Bearer first":
            # Replaced, as the platform does it, while the old one is still in use.
            file.write_text("second\n")
            return Say(401)
        return Say(200, FOUR["github"])

    with serving(answer) as fake:
        environment = {"BACKEND_API_URL": fake.url, "PROJECT_NAME": "p", "SESSION_ID": "s", "BOT_TOKEN": "never"}
        made = Runner(Settings.from_environment(environment, allow_loopback=True, bot_token_file=file))
        fetched = made.fetch(NOBODY, ["github"])
        assert fetched.credentials and not fetched.refused
        assert [asked.bearer for asked in fake.asked] == ["Bearer first", "Bearer second"]
