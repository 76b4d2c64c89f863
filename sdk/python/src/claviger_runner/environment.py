"""The environment of a child process: the sender's credentials, and nobody else's.

What is not the sender's is taken out, whoever put it there: somebody who has connected nothing must not act as the person of
another turn, or as the container. Logins that `gh`, `glab`, `kubectl` and git keep in the home folder are out of reach too.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import git_access
from .placement import Placement
from .places import Places
from .turn_folder import PREFIX

# Everything that may be placed, or that the tools concerned take for a credential; and the session's own token.
CREDENTIAL_VARIABLES = frozenset(
    {
        "BOT_TOKEN",
        "CODERABBIT_API_KEY",
        "GERRIT_CONFIG_PATH",
        "GH_ENTERPRISE_TOKEN",
        "GH_HOST",
        "GH_TOKEN",
        "GITHUB_ENTERPRISE_TOKEN",
        "GITHUB_PERSONAL_ACCESS_TOKEN",
        "GITHUB_TOKEN",
        "GITLAB_TOKEN",
        "GITLAB_ACCESS_TOKEN",
        "GITLAB_PRIVATE_TOKEN",
        "GIT_ASKPASS",
        "GIT_AUTHOR_EMAIL",
        "GIT_AUTHOR_NAME",
        "GIT_COMMITTER_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_USER_EMAIL",
        "GIT_USER_NAME",
        "GOOGLE_ACCESS_TOKEN",
        "JIRA_API_TOKEN",
        "JIRA_EMAIL",
        "JIRA_URL",
        "JIRA_USERNAME",
        "KUBECONFIG",
        "SSH_ASKPASS",
        "USER_GOOGLE_EMAIL",
    }
)


def for_child(
    base: Mapping[str, str],
    placement: Placement,
    places: Places,
    folder: Path,
    identity: tuple[str, str],
    without: Iterable[str] = (),
) -> dict[str, str]:
    """`base` without anybody's credentials, with those of `placement`. `without` names more variables to take out."""
    taken_out = CREDENTIAL_VARIABLES.union(without)
    made = git_access.without_credentials({name: value for name, value in base.items() if name not in taken_out})
    made["PATH"] = with_wrapper(base.get("PATH", os.defpath), places.gh_wrapper.parent)
    made |= {
        "GH_CONFIG_DIR": str(folder / "gh"),
        "GLAB_CONFIG_DIR": str(folder / "glab"),
        "GOOGLE_MCP_CREDENTIALS_DIR": str(places.google_folder),
        "WORKSPACE_MCP_CREDENTIALS_DIR": str(places.google_folder),
        # There once the sender has one; until then an empty configuration, and not the home folder's.
        "KUBECONFIG": str(places.kubeconfig),
        # Without a token git says so, rather than to ask a terminal or somebody else's program.
        "GIT_ASKPASS": "",
        "GIT_TERMINAL_PROMPT": "0",
    }
    made |= placement.variables
    store = places.git_store if places.git_store in placement.files else None
    made |= git_access.variables(made, *identity, store)
    return made


def with_wrapper(path: str, folder: Path) -> str:
    """`folder` first, and no other turn's."""
    rest = [entry for entry in path.split(os.pathsep) if entry and not Path(entry).parent.name.startswith(PREFIX)]
    return os.pathsep.join([str(folder), *rest])
