"""What the environment may say, and which hosts are sent a bearer."""

import json
from pathlib import Path

import pytest

from claviger_runner import ConfigurationError, IdentityError, Runner, Settings, from_headers, sender


def read(**environment: str) -> Settings:
    return Settings.from_environment(environment)


@pytest.mark.parametrize(
    "url",
    [
        "http://claviger.tools.svc",
        "https://claviger.tools.svc.cluster.local:8443/api",
        "http://CLAVIGER.tools.SVC:8000/",
    ],
)
def test_hosts_of_the_cluster_are_sent_bearers(url: str) -> None:
    base = read(BACKEND_API_URL=url).base
    assert base is not None and str(base) == url.lower().rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "http://127.0.0.2",
        "http://example.com",
        "http://svc",
        "http://.svc",
        "http://a..svc",
        "http://evil.com/.svc",
        "http://x.svc.evil.com",
        "http://evil.com#.svc",
        "http://evil.com?.svc",
        "http://evil.com\\.svc",
        "http://user@x.svc",
        "http://user:hunter2@x.svc",
        "http://@x.svc",
        "http://x.svc:0",
        "http://x.svc:",
        "http://x.svc:99999",
        "http://x.svc:a",
        "http://x.svc?q",
        "http://x.svc/ path",
        "http://evil.com\n.svc",
        "http://evilé.svc",
        "http://x.svc.",
        "http://[x.svc",
        "ftp://x.svc",
        "file:///etc/x.svc",
        "//x.svc",
        "x.svc",
        "http:///x.svc",
    ],
)
@pytest.mark.parametrize("name", ["BACKEND_API_URL", "AMBIENT_CP_TOKEN_URL"])
def test_others_are_a_clear_error_and_are_sent_nothing(url: str, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        read(**({name: url} if name == "BACKEND_API_URL" else {name: url, "AMBIENT_CP_TOKEN_PUBLIC_KEY": "k"}))
    assert "hunter2" not in str(caught.value)


def test_loopback_and_other_hosts_only_by_argument() -> None:
    environment = {"CLAVIGER_ALLOW_LOOPBACK": "true", "ALLOWED_HOSTS": "api.example.com"}
    for url in ("http://localhost:1", "http://127.0.0.1:1", "https://api.example.com"):
        with pytest.raises(ConfigurationError):
            read(BACKEND_API_URL=url, **environment)
    for url in ("http://localhost:1", "http://127.0.0.1:1"):
        assert Settings.from_environment({"BACKEND_API_URL": url}, allow_loopback=True).base
    with pytest.raises(ConfigurationError):
        Settings.from_environment({"BACKEND_API_URL": "http://[::1]:1"}, allow_loopback=True)
    listed = Settings.from_environment({"BACKEND_API_URL": "https://API.example.com"}, allowed_hosts=["api.Example.com"])
    assert str(listed.base) == "https://api.example.com"
    with pytest.raises(ConfigurationError):
        Settings.from_environment({"BACKEND_API_URL": "https://b.api.example.com"}, allowed_hosts=["api.example.com"])


@pytest.mark.parametrize("name", ["CREDENTIAL_IDS", "CREDENTIAL_MCP_URLS"])
@pytest.mark.parametrize("value", ["{", "[]", '"x"', '{"github": 5}', '{"../x": "y"}', '{"": "y"}'])
def test_maps_that_are_none_are_a_clear_error(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError):
        read(**{name: value})


@pytest.mark.parametrize("value", ["../x", "..", "a/b", "a?b", "a b", "ü", "", "."])
def test_names_that_would_change_the_path_are_a_clear_error(value: str) -> None:
    with pytest.raises(ConfigurationError, match="CREDENTIAL_IDS"):
        read(CREDENTIAL_IDS=json.dumps({"github": value}))
    if value:
        with pytest.raises(ConfigurationError, match="SESSION_ID"):
            read(SESSION_ID=value)


def test_project_and_its_other_name() -> None:
    assert read(PROJECT_NAME="p", AGENTIC_SESSION_NAMESPACE="n").project == "p"
    assert read(AGENTIC_SESSION_NAMESPACE="n").project == "n"
    assert read(SESSION_ID="MixedCase-1").session == "MixedCase-1"


def test_sidecars_hold_their_own(tmp_path: Path) -> None:
    urls = '{"github": "http://localhost:8091"}'
    made = Runner(read(CREDENTIAL_MCP_URLS=urls, MCP_CONFIG_FILE=str(tmp_path / "none")))
    assert "github" not in made.providers and "gitlab" in made.providers


def test_exchange_comes_whole_or_not_at_all() -> None:
    with pytest.raises(ConfigurationError, match="together"):
        read(AMBIENT_CP_TOKEN_URL="http://cp.svc/token")


def test_settings_show_no_secret() -> None:
    made = read(
        BOT_TOKEN="canary-1",
        GOOGLE_OAUTH_CLIENT_SECRET="canary-2",
        AMBIENT_CP_TOKEN_URL="http://cp.svc/canary-3/token",
        AMBIENT_CP_TOKEN_PUBLIC_KEY="k",
    )
    assert "canary" not in repr(made)
    assert made.exchange is not None and str(made.exchange) == "http://cp.svc/canary-3/token"


def test_who_sends() -> None:
    made = from_headers({"X-Current-User-ID": " bob@x ", "x-current-user-name": "B\nob\t", "X-CALLER-TOKEN": "Bearer t"})
    assert (made.user_id, made.user_name, made.header) == ("bob@x", "Bob", "bob@x")
    assert "bob" not in repr(made) and "Bearer" not in repr(made)
    assert sender("x" * 300).header == "x" * 255
    assert not sender("x" * 300).is_same_person(sender("x" * 255))
    assert not sender("a/b").is_same_person(sender("ab")) and sender("a/b").header == "ab"
    for nobody in ("   ", "///", "\n", "ü"):
        with pytest.raises(IdentityError):
            sender(nobody)
    with pytest.raises(IdentityError) as caught:
        sender("bob", caller_token="Bearer canary\r\nX-Evil: 1")
    assert "canary" not in str(caught.value)
