"""From credentials to variables and files. Pure: nothing is written here."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import gh_wrapper, git_access
from .credentials import (
    CodeRabbit,
    Credential,
    Gerrit,
    GerritInstance,
    GitHub,
    GitLab,
    Google,
    GoogleKey,
    Jira,
    Kubeconfig,
    McpServer,
    Other,
)
from .places import Places
from .settings import Settings

# As file names, mail addresses are held against this; others, and the one that stands for "none", get the common name.
_FILE_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*@[A-Za-z0-9.-]+")
NO_MAIL = "user@example.com"
TOKEN_URI = "https://oauth2.googleapis.com/token"


@dataclass(frozen=True, slots=True)
class File:
    """What to write; only its owner may read it."""

    content: bytes = field(repr=False)
    is_program: bool = False


@dataclass(slots=True)
class Placement:
    """Variables and files of one person's credentials."""

    variables: dict[str, str] = field(default_factory=dict, repr=False)
    # A Google file's name is a mail address.
    files: dict[Path, File] = field(default_factory=dict, repr=False)


def placement(credentials: Mapping[str, Credential], places: Places, settings: Settings, others: Mapping[str, str]) -> Placement:
    """Everything that tools read. `others` names a variable for each provider that has no type of its own."""
    made = Placement()
    for provider, credential in credentials.items():
        _place(made, provider, credential, places, settings, others)
    made.files[places.gh_wrapper] = File(gh_wrapper.script(places.github_token, _gh_host(credentials)), is_program=True)
    if not settings.is_sidecar_mode:
        made.files[places.git_store] = File(git_access.store(credentials, places))
        if places.git_helper is not None:
            made.files[places.git_helper] = File(git_access.helper_script(places.git_store), is_program=True)
    return made


def _place(
    made: Placement, provider: str, credential: Credential, places: Places, settings: Settings, others: Mapping[str, str]
) -> None:
    match credential:
        case GitHub(token=token):
            made.variables["GITHUB_TOKEN"] = token.reveal()
            host = _gh_host({"github": credential})
            if host == "github.com":
                made.variables["GH_TOKEN"] = token.reveal()
            elif host is not None:
                made.variables |= {"GH_HOST": host, "GH_ENTERPRISE_TOKEN": token.reveal()}
            made.files[places.github_token] = File(token.reveal().encode())
        case GitLab(token=token):
            made.variables["GITLAB_TOKEN"] = token.reveal()
            made.files[places.gitlab_token] = File(token.reveal().encode())
        case Jira(api_token=token, url=url, email=email):
            made.variables |= {"JIRA_URL": url, "JIRA_API_TOKEN": token.reveal(), "JIRA_EMAIL": email}
        case Google(email=email):
            made.variables["USER_GOOGLE_EMAIL"] = email
            made.files[places.google_folder / google_file_name(email)] = File(_google(credential, settings))
        case GoogleKey(key_file=key, email=email):
            made.variables |= {"USER_GOOGLE_EMAIL": email, "GOOGLE_APPLICATION_CREDENTIALS": str(places.google_key)}
            made.files[places.google_key] = File(key.reveal().encode())
        case CodeRabbit(api_key=key):
            made.variables["CODERABBIT_API_KEY"] = key.reveal()
        case Gerrit(instances=instances):
            made.variables["GERRIT_CONFIG_PATH"] = str(places.gerrit_config)
            cookies = "".join(one.cookies.reveal().rstrip("\n") + "\n" for one in instances if one.cookies)
            if cookies:
                made.files[places.gerrit_cookies] = File(cookies.encode())
            made.files[places.gerrit_config] = File(_gerrit(instances, places.gerrit_cookies))
        case Kubeconfig(text=text):
            made.variables["KUBECONFIG"] = str(places.kubeconfig)
            made.files[places.kubeconfig] = File(text.reveal().encode())
        case McpServer(server=server, fields=fields):
            made.variables |= {mcp_variable(server, name): value.reveal() for name, value in fields.items()}
        case Other(token=token):
            if provider in others:
                made.variables[others[provider]] = token.reveal()


def mcp_variable(server: str, name: str) -> str:
    """`MCP_<SERVER>_<FIELD>`"""
    return "MCP_" + re.sub(r"[^A-Z0-9_]", "_", f"{server}_{name}".upper())


def google_file_name(email: str) -> str:
    """By the mail address, as long as it is a file's name."""
    is_name = email != NO_MAIL and ".." not in email and _FILE_NAME.fullmatch(email)
    return f"{email}.json" if is_name else "credentials.json"


def _gh_host(credentials: Mapping[str, Credential]) -> str | None:
    """The one host that the token is for."""
    github = credentials.get("github")
    if not isinstance(github, GitHub):
        return None
    hosts = git_access.hosts(github)
    return hosts[0].host if hosts else None


def _google(credential: Google, settings: Settings) -> bytes:
    document: dict[str, object] = {
        "token": credential.access_token.reveal(),
        "refresh_token": credential.refresh_token.reveal(),
        "token_uri": TOKEN_URI,
        "client_id": settings.google_client_id,
        "client_secret": settings.google_client_secret.reveal(),
        "scopes": list(credential.scopes),
    }
    if credential.expires_at is not None:
        # Google's library reads a time without a zone, and means UTC.
        document["expiry"] = credential.expires_at.replace(tzinfo=None).isoformat()
    return json.dumps(document).encode()


def _gerrit(instances: tuple[GerritInstance, ...], cookies: Path) -> bytes:
    """The configuration of Gerrit's own MCP server."""
    hosts = []
    for one in instances:
        if one.cookies:
            proof = {"type": "git_cookies", "gitcookies_path": str(cookies)}
        else:
            proof = {"type": "http_basic", "username": one.user_name, "auth_token": one.http_token.reveal()}
        hosts.append({"name": one.name, "external_url": one.url, "authentication": proof})
    return json.dumps({"default_gerrit_base_url": instances[0].url, "gerrit_hosts": hosts}).encode()
