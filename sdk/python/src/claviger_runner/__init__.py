"""Gets, places and clears the credentials of the person whose message an agent runner answers.

`Runner` reads the environment, `Runner.turn` is one message being answered, `Turn.run` and `Turn.popen` start child processes
with its sender's credentials. README.md has examples that run.
"""

from .base_address import Address, Allowed
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
from .errors import (
    ConfigurationError,
    CredentialsRefused,
    ExchangeError,
    IdentityError,
    Overlap,
    PlacementError,
    RunnerError,
    TurnOver,
)
from .fetch import Missing
from .gather import Fetched
from .process_wide import Cleared, ProcessWide
from .runner import KNOWN_PROVIDERS, Runner
from .secret import Secret
from .sender import Sender, from_headers, sender
from .settings import Settings
from .turn import Turn

__version__ = "0.1.0"

__all__ = [
    "KNOWN_PROVIDERS",
    "Address",
    "Allowed",
    "Cleared",
    "CodeRabbit",
    "ConfigurationError",
    "Credential",
    "CredentialsRefused",
    "ExchangeError",
    "Fetched",
    "Gerrit",
    "GerritInstance",
    "GitHub",
    "GitLab",
    "Google",
    "GoogleKey",
    "IdentityError",
    "Jira",
    "Kubeconfig",
    "McpServer",
    "Missing",
    "Other",
    "Overlap",
    "PlacementError",
    "ProcessWide",
    "Runner",
    "RunnerError",
    "Secret",
    "Sender",
    "Settings",
    "Turn",
    "TurnOver",
    "from_headers",
    "sender",
]
