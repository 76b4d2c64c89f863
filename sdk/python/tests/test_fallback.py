"""The sender's own bearer has ended: the session's own follows, with the sender's id, and never to somebody else's."""

from pathlib import Path

import pytest

from claviger_runner import CredentialsRefused, GitHub, sender
from fake_server import Asked, Say, serving
from worlds import FOUR, SERVICE, bearer, runner

BOB = sender("bob", "Bob", bearer("bob"))


@pytest.mark.parametrize("status", [401, 403])
def test_once_with_the_sessions_token_and_the_senders_id(tmp_path: Path, status: int) -> None:
    def answer(asked: Asked) -> Say:
        return Say(status) if asked.bearer == bearer("bob") else Say(200, FOUR["github"])

    with serving(answer) as fake:
        fetched = runner(fake.url, tmp_path).fetch(BOB, ["github"])
        assert [(asked.bearer, asked.user) for asked in fake.asked] == [(bearer("bob"), "bob"), (f"Bearer {SERVICE}", "bob")]
        found = fetched.credentials["github"]
        assert isinstance(found, GitHub) and found.token.reveal() == "ghp_b"


@pytest.mark.parametrize("second", [Say(401), Say(403), Say(500), Say(302), Say(200, b"{")])
def test_any_failure_of_the_second_is_a_permission_error(tmp_path: Path, second: Say) -> None:
    def answer(asked: Asked) -> Say:
        return Say(401) if asked.bearer == bearer("bob") else second

    with serving(answer) as fake:
        fetched = runner(fake.url, tmp_path).fetch(BOB, ["github"])
        assert len(fake.asked) == 2
    with pytest.raises(CredentialsRefused, match="caller token expired and BOT_TOKEN fallback also failed"):
        fetched.raise_refused()


def test_a_404_of_the_second_is_the_servers_word_that_there_is_none(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Say:
        return Say(401) if asked.bearer == bearer("bob") else Say(404, {"error": "Gerrit credentials not configured"})

    with serving(answer) as fake:
        fetched = runner(fake.url, tmp_path).fetch(BOB, ["gerrit"])
    assert fetched.missing["gerrit"].reason == "Gerrit credentials not configured"
    assert fetched.missing["gerrit"].cause == "not-configured"


def test_without_a_named_sender_there_is_no_fallback(tmp_path: Path) -> None:
    """The session alone would be answered with its creator's."""
    with serving(lambda asked: Say(401) if asked.bearer == "Bearer c" else Say(200, FOUR["github"])) as fake:
        fetched = runner(fake.url, tmp_path).fetch(sender(None, "Bob", "Bearer c"), ["github"])
        assert len(fake.asked) == 1
        assert not fetched.credentials and "github" in fetched.refused


def test_a_sender_without_a_bearer_is_named_beside_the_sessions_token(tmp_path: Path) -> None:
    with serving(lambda _: Say(200, FOUR["github"])) as fake:
        runner(fake.url, tmp_path).fetch(sender("bob"), ["github"])
        assert [(asked.bearer, asked.user) for asked in fake.asked] == [(f"Bearer {SERVICE}", "bob")]


def test_without_any_token_nothing_is_asked(tmp_path: Path) -> None:
    with serving(lambda _: Say(200, FOUR["github"])) as fake:
        fetched = runner(fake.url, tmp_path, BOT_TOKEN="").fetch(sender("bob"), ["github"])
        assert not fake.asked and fetched.missing["github"].cause == "unavailable"
        refused = runner(fake.url, tmp_path, BOT_TOKEN="").fetch(BOB, ["github"])
        assert refused.credentials, "the caller's own works without it"
