"""What a tool `refresh_credentials` answers to the agent, in the shape of the Model Context Protocol."""

from typing import Any

from .errors import CredentialsRefused, RunnerError
from .turn import Turn

DESCRIPTION = "Fetches the sender's credentials again. Use it when a tool says that a token has expired."


def answer(turn: Turn) -> dict[str, Any]:
    """`{"content": [{"type": "text", "text": …}], "isError": …}`. Raises nothing of the turn's own."""
    try:
        asked = turn.refresh()
    except (CredentialsRefused, RunnerError) as error:
        return _result(str(error), is_error=True)
    if not asked:
        return _result("Credentials were refreshed successfully less than 30 seconds ago; these are still the latest.")
    text = f"Credentials refreshed successfully: {', '.join(sorted(turn.credentials)) or 'none are configured'}."
    lines = [text, *(f"{provider}: {missing.reason}" for provider, missing in sorted(turn.missing.items()))]
    return _result("\n".join(lines))


def _result(text: str, *, is_error: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": is_error}
