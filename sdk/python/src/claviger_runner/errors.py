"""What can go wrong, as the embedding program sees it. No message has a secret, a name or a mail address in it."""

from collections.abc import Mapping


class RunnerError(Exception):
    """The base of all of them but :class:`CredentialsRefused`."""


class ConfigurationError(RunnerError, ValueError):
    """What the environment or the embedding program says cannot be used. Nothing was sent anywhere."""


class IdentityError(RunnerError, ValueError):
    """Somebody sent the message, and it cannot be said who. Nobody else's credentials are used instead."""


class ExchangeError(RunnerError):
    """The control plane gave no token for the session."""


class Overlap(RunnerError):
    """Another turn has the process-wide credentials."""


class TurnOver(RunnerError):
    """The turn has ended, and its credentials with it."""


class PlacementError(RunnerError, OSError):
    """A file cannot be written where it has to be, or what lies there is somebody else's."""


class CredentialsRefused(PermissionError):
    """The server refused to say who is asking, for these providers; the others were done first.

    A `PermissionError`, as runners expect. `reasons` maps each provider to why.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        details = "; ".join(reasons[provider] for provider in sorted(reasons))
        super().__init__(f"Credential refresh failed due to authentication errors: {details}")

    @property
    def providers(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return tuple(sorted(self.reasons))
