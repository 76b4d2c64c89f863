"""What was fetched, by provider. No `repr` shows a secret, a name or a mail address."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .secret import Secret


@dataclass(frozen=True, slots=True)
class GitHub:
    """`instance` is empty where the server does not say; then it is github.com."""

    token: Secret
    user_name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    instance: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GitLab:
    """`instance` is empty where the server does not say; then it is gitlab.com."""

    token: Secret
    user_name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    instance: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Jira:
    """An API token, which Jira takes together with the mail address."""

    api_token: Secret
    url: str = ""
    email: str = field(default="", repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Google:
    """An OAuth access token. `refresh_token` is empty from servers that never let one go."""

    access_token: Secret
    refresh_token: Secret = field(default_factory=lambda: Secret(""))
    email: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GoogleKey:
    """The text of a service account's key file."""

    key_file: Secret
    email: str = field(default="", repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CodeRabbit:
    """An API key."""

    api_key: Secret
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GerritInstance:
    """One server: a user name with an HTTP token, or the content of a cookie file."""

    name: str
    url: str
    user_name: str = field(default="", repr=False)
    http_token: Secret = field(default_factory=lambda: Secret(""))
    cookies: Secret = field(default_factory=lambda: Secret(""))


@dataclass(frozen=True, slots=True)
class Gerrit:
    """All of somebody's Gerrit servers."""

    instances: tuple[GerritInstance, ...]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """A kubeconfig's text, as it is written."""

    text: Secret
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class McpServer:
    """The fields of an MCP server."""

    server: str
    fields: Mapping[str, Secret]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """Of a provider that this package has no type for."""

    provider: str
    token: Secret
    expires_at: datetime | None = None


Credential = GitHub | GitLab | Jira | Google | GoogleKey | CodeRabbit | Gerrit | Kubeconfig | McpServer | Other
