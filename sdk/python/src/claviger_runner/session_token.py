"""The bearer of the session itself, and where it comes from.

In this order: what the control plane gave in exchange; the bot-token file, read each time since it is replaced while we run;
`BOT_TOKEN`. A token from the exchange is renewed in the background, well before it ends.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from .errors import ExchangeError
from .exchange import Exchange, Granted
from .secret import Secret
from .sender import is_header_value
from .settings import Settings

# Without an expiry in the answer: the real one lives for fifteen minutes.
RENEW_EVERY_SECONDS = 240.0
SOONEST_RENEWAL_SECONDS = 5.0
RETRY_SECONDS = (5.0, 10.0, 20.0, 40.0, 60.0)
# For so long after a failure nobody asks again while a message waits; the renewal in the background does.
FAILED_FOR_SECONDS = 5.0
# A token so close to its end may have ended when it arrives.
LEEWAY_SECONDS = 10.0
MAX_FILE_BYTES = 64 * 1024

Callback = Callable[[Secret], None]

_log = logging.getLogger("claviger_runner")


class SessionToken:
    """Safe to use from several threads; one exchange at a time."""

    def __init__(self, settings: Settings, exchange: Exchange | None, now: Callable[[], datetime] | None = None) -> None:
        self._settings = settings
        self._exchange = exchange
        self._now = now or (lambda: datetime.now(UTC))
        self._lock = threading.Lock()
        self._exchanging = threading.Lock()
        self._granted: Granted | None = None
        self._failed_at = float("-inf")
        self._callbacks: list[Callback] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def on_renewal(self, callback: Callback) -> None:
        """Called with each new token from the exchange, the first one too, in the thread that got it."""
        with self._lock:
            self._callbacks.append(callback)

    def start(self) -> None:
        """Begins to renew, at once. Nothing to do without an exchange."""
        with self._lock:
            if self._exchange is None or self._thread is not None:
                return
            self._stop.clear()
            self._thread = threading.Thread(target=self._renew_for_ever, name="claviger-session-token", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the renewal."""
        with self._lock:
            thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)

    def get(self) -> Secret | None:
        """The best there is now, or `None`. Asks the control plane only where nothing that holds is in memory."""
        if self._exchange is not None:
            held = self._held()
            if held is not None:
                return held
            with contextlib.suppress(ExchangeError):
                return self._exchanged(None)
        return _read(self._settings) or _usable(self._settings.bot_token)

    def renewed(self, refused: Secret) -> Secret | None:
        """Another one than the server just refused, or `None` if there is none."""
        if self._exchange is not None:
            with contextlib.suppress(ExchangeError):
                fresh = self._exchanged(refused)
                return None if fresh == refused else fresh
        return next((token for token in (_read(self._settings),) if token is not None and token != refused), None)

    def _held(self) -> Secret | None:
        with self._lock:
            granted = self._granted
        if granted is None:
            return None
        left = None if granted.expires_at is None else (granted.expires_at - self._now()).total_seconds()
        return None if left is not None and left < LEEWAY_SECONDS else granted.token

    def _exchanged(self, refused: Secret | None) -> Secret:
        with self._exchanging:
            # Somebody who waited here before may have brought what is wanted.
            held = self._held()
            if held is not None and (refused is None or held != refused):
                return held
            if time.monotonic() - self._failed_at < FAILED_FOR_SECONDS:
                raise ExchangeError("the control plane gave no token a moment ago")
            return self._exchange_now().token

    def _exchange_now(self) -> Granted:
        assert self._exchange is not None
        try:
            granted = self._exchange.get()
        except ExchangeError:
            self._failed_at = time.monotonic()
            raise
        self._failed_at = float("-inf")
        with self._lock:
            self._granted = granted
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            try:
                callback(granted.token)
            except Exception as error:
                _log.warning("a callback on renewal failed: %s", type(error).__name__)
        return granted

    def _renew_for_ever(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                with self._exchanging:
                    granted = self._exchange_now()
                failures, seconds = 0, self._until_renewal(granted)
            except ExchangeError as error:
                seconds = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                failures += 1
                _log.warning("the session's token was not renewed: %s; next try in %.0f s", error, seconds)
            self._stop.wait(seconds)

    def _until_renewal(self, granted: Granted) -> float:
        if granted.expires_at is None:
            return RENEW_EVERY_SECONDS
        left = (granted.expires_at - self._now()).total_seconds()
        # Half of its life is left for whatever goes wrong with the renewal.
        return max(SOONEST_RENEWAL_SECONDS, left / 2)


def _read(settings: Settings) -> Secret | None:
    try:
        with settings.bot_token_file.open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return None
    return _usable(Secret(text.strip()))


def _usable(token: Secret | None) -> Secret | None:
    return token if token and is_header_value(token.reveal()) else None
