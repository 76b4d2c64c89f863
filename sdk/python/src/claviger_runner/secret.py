"""A text that must not be seen: not in a traceback's locals, not in a log line, not in a comparison's timing."""

import hmac
from typing import Final, NoReturn, final


@final
class Secret:
    """Holds a secret. `reveal` is the one way to it, so its uses can be found by searching for that word."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def reveal(self) -> str:
        """The text itself, for the place where it is used."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    # A hash would be one more thing that tells something about the text.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, _specification: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
