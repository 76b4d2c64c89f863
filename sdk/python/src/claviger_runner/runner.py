"""The front door: settings, the session's token, and turns."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType

from . import leftovers, mcp_servers
from .errors import ConfigurationError
from .exchange import Exchange
from .fetch import Fetcher
from .gather import OVERALL_SECONDS, PROVIDER_SECONDS, Fetched, gather
from .process_wide import ProcessWide
from .secret import Secret
from .sender import Sender, sender
from .session_token import Callback, SessionToken
from .settings import Settings, check_provider
from .transport import Transport
from .turn import Turn

KNOWN_PROVIDERS = ("github", "gitlab", "jira", "google", "coderabbit", "gerrit", "kubeconfig")


class Runner:
    """One per process. As a context manager it renews the session's token in the background, from the start."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        providers: Iterable[str] | None = None,
        variables: Mapping[str, str] | None = None,
        transport: Transport | None = None,
        provider_seconds: float = PROVIDER_SECONDS,
        overall_seconds: float = OVERALL_SECONDS,
    ) -> None:
        """`providers`: those to ask for instead of the known ones, the ones of `CREDENTIAL_IDS` and the MCP servers.

        `variables`: the variable for the token of each provider that this package does not know (`{"linear": "LINEAR_API_KEY"}`).
        """
        self.settings = Settings.from_environment() if settings is None else settings
        self._variables = dict(variables or {})
        self._mcp = mcp_servers.references(self.settings.mcp_config_file)
        self._providers = self._choose(providers)
        self._seconds = (provider_seconds, overall_seconds)
        self._transport = Transport(self.settings.proxies) if transport is None else transport
        self._session_token = SessionToken(self.settings, self._exchange())
        self._fetcher = Fetcher(self.settings, self._transport, self._session_token)
        self._process_wide: ProcessWide | None = None
        leftovers.sweep()

    def __enter__(self) -> "Runner":
        self._session_token.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the renewal of the session's token. Running turns go on."""
        self._session_token.stop()

    @property
    def providers(self) -> tuple[str, ...]:
        """Those that are asked for."""
        return self._providers

    def session_token(self) -> Secret | None:
        """The session's own bearer, as it is now."""
        return self._session_token.get()

    def on_renewal(self, callback: Callback) -> None:
        """Called with each new token of the session from the control plane."""
        self._session_token.on_renewal(callback)

    def fetch(self, who: Sender, providers: Iterable[str] | None = None) -> Fetched:
        """Asks for all providers side by side and places nothing. Raises nothing of its own."""
        names = self._providers if providers is None else tuple(check_provider(name) for name in providers)
        provider_seconds, overall_seconds = self._seconds
        return gather(self._fetcher, names, who, provider_seconds=provider_seconds, overall_seconds=overall_seconds)

    def turn(
        self,
        user_id: str | None = None,
        user_name: str | None = None,
        caller_token: str | Secret | None = None,
        *,
        who: Sender | None = None,
        tolerates_refusals: bool = False,
        keeps_fresh: bool = True,
    ) -> Turn:
        """A turn of this sender, or of nobody's (a schedule, a key). A context manager.

        If the server refuses a provider, entering raises :class:`CredentialsRefused` after the others were done; with
        `tolerates_refusals` the turn runs without it, and `Turn.refused` says why.
        """
        return Turn(
            self.settings,
            sender(user_id, user_name, caller_token) if who is None else who,
            self.fetch,
            tolerates_refusals=tolerates_refusals,
            keeps_fresh=keeps_fresh,
            variables=self._variables,
            without=frozenset(self._variables.values()).union(*self._mcp.values()),
        )

    def process_wide(self) -> ProcessWide:
        """The compatible form: the process's own environment, one turn at a time."""
        if self._process_wide is None:
            self._process_wide = ProcessWide(self.settings, self.fetch, variables=self._variables)
        return self._process_wide

    def process_turn(
        self,
        user_id: str | None = None,
        user_name: str | None = None,
        caller_token: str | Secret | None = None,
        *,
        wait_seconds: float = 0.0,
    ) -> AbstractContextManager[ProcessWide]:
        """A turn in the process's own environment; see :meth:`ProcessWide.turn`."""
        return self.process_wide().turn(sender(user_id, user_name, caller_token), wait_seconds=wait_seconds)

    def _choose(self, providers: Iterable[str] | None) -> tuple[str, ...]:
        if providers is None:
            servers = [f"mcp/{server}" for server in self._mcp]
            wanted = [*KNOWN_PROVIDERS, *self.settings.credential_ids, *servers, *self._variables]
        else:
            wanted = list(providers)
        # A sidecar holds those tokens, so that this container does not.
        return tuple(dict.fromkeys(check_provider(name) for name in wanted if name not in self.settings.sidecars))

    def _exchange(self) -> Exchange | None:
        settings = self.settings
        if settings.exchange is None or settings.exchange_key is None:
            return None
        if settings.session is None:
            raise ConfigurationError("the exchange needs `SESSION_ID`")
        return Exchange(settings.exchange, settings.exchange_key, settings.session, self._transport)
