"""Runners against the fake server, as the tests need them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from claviger_runner import Runner, Settings

SERVICE = "service-token-0123456789"

FOUR: dict[str, Any] = {
    "github": {"token": "ghp_b", "userName": "Bob B.", "email": "bob@example.org", "provider": "github"},
    "gitlab": {
        "token": "glpat-b",
        "instanceUrl": "https://gitlab.example.org",
        "userName": "bobby",
        "email": "b@lab.example.org",
    },
    "jira": {"apiToken": "jira-b", "url": "https://jira.example.org", "email": "bob@example.org"},
    "google": {"accessToken": "ya29.b", "refreshToken": "", "email": "bob@example.org", "scopes": ["drive"]},
}


def settings(url: str, folder: Path, **more: str) -> Settings:
    """Of session `sess-42` in `my-project`, with a bot token."""
    environment = {"BACKEND_API_URL": url, "PROJECT_NAME": "my-project", "SESSION_ID": "sess-42", "BOT_TOKEN": SERVICE, **more}
    return Settings.from_environment(environment, allow_loopback=True, bot_token_file=folder / "no-bot-token")


def runner(url: str, folder: Path, **more: str) -> Runner:
    return Runner(settings(url, folder, MCP_CONFIG_FILE=str(folder / "no-mcp.json"), **more))


def in_minutes(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def bearer(person: str) -> str:
    return f"Bearer caller-of-{person}"


def without_credentials(environment: Mapping[str, str]) -> str:
    """All of an environment as one text, to look for what must not be in it."""
    return "\n".join(f"{name}={value}" for name, value in environment.items())
