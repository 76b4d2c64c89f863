"""Tidemark, an imaginary service that knows the tides: the key of a measuring station is exchanged for an hour's token, and the
account of a person is connected in a browser and refreshed, with a refresh token that each use replaces.

Secrets are handles throughout: this code says where one stands in a request, the host puts it there if the manifest lets it stand
there, and neither ever turns into text here.

What is imported is imported here, at the top: the component is built from the interpreter as it stands when this module has been
read, and there are no files any more when it is called. Nor are there time, randomness and environment; whoever asks for one is
stopped. The host's clock is `wit_world.imports.clock`.
"""

import json
from functools import wraps
from pathlib import Path
from urllib.parse import quote

from componentize_py_types import Err
from wit_world.exports.connect import Account
from wit_world.imports import log
from wit_world.imports.failures import Failure, Retry_Later, Retry_Never, Retry_Reauthorise
from wit_world.imports.secrets import Encoding, Part_Secret, Part_Text, join
from wit_world.imports.types import Token, Value_Secret, Value_Text
from wit_world.imports.upstream import Header, Request, send

HOME = "https://api.tidemark.example"
MANIFEST = (Path(__file__).parent / "manifest.json").read_text("utf-8")


def telling(ability):
    """A slip in this code ends the call; the log then says which. The host removes the secrets of the call from what is written."""

    @wraps(ability)
    def told(*given):
        try:
            return ability(*given)
        except Err:
            raise
        except Exception as error:
            at = error.__traceback__
            while at.tb_next:
                at = at.tb_next
            # Not `traceback`, which looks for the line in a file, and there are none.
            log.write("error", f"{type(error).__name__}: {error}, in line {at.tb_lineno} ({at.tb_frame.f_code.co_name})")
            raise

    return told


# One class for each interface, named as in `wit/`. What a function raises is `Err` of the contract's failure.


class Provider:
    def describe(self):
        return MANIFEST

    @telling
    def mint(self, credential, request):
        if request:
            raise failure("unsupported", "Tidemark gives no token for less than all of a credential")
        given = dict(credential.fields)
        # When it ends, the host knows: it has read that in the answer, where the manifest says.
        return Token(value=current(given) or fresh(credential.kind, given), expires_at_ms=None, fields=beside(given))


class Identify:
    @telling
    def identify(self, credential):
        given = dict(credential.fields)
        who = me(given, secret(given, "current-token"))
        known = {
            "id": str(who["id"]) if "id" in who else None,
            "login": who.get("login"),
            "display-name": who.get("name"),
            "user-name": who.get("name"),
            "email": who.get("email"),
        }
        return [(key, value) for key, value in known.items() if isinstance(value, str) and value]


class Revoke:
    @telling
    def revoke(self, credential):
        """Ends whatever there is: the grant, with which its tokens end, or a station's token of an hour."""
        given = dict(credential.fields)
        ended = given["refresh-token"].value if "refresh-token" in given else current(given)
        if ended:
            body = [Part_Text('{"token":'), placed(ended, Encoding.JSON_STRING), Part_Text("}")]
            headers = [Header("content-type", [Part_Text("application/json")])]
            # A token that Tidemark no longer knows (404) has ended.
            ask("POST", f"{base(given)}/oauth/revoke", headers, body, also=(404,))
        if credential.kind == "account":
            return None
        return f"delete the key on the page of station {text(given, 'station')}"


class Connect:
    @telling
    def authorise(self, credential):
        """The host adds `state`, `redirect_uri` and the code challenge."""
        given = dict(credential.fields)
        query = {"client_id": text(given, "client-id"), "response_type": "code", "scope": "tides"}
        return f"{base(given)}/oauth/authorise?" + "&".join(f"{key}={quoted(value)}" for key, value in query.items())

    @telling
    def exchange(self, credential):
        """Buys the first tokens, and asks with the new one which harbours the person may read: each is an account to choose."""
        given = dict(credential.fields)
        response = tokens(
            given,
            [
                ("grant_type", "authorization_code"),
                ("code", secret(given, "code")),
                ("code_verifier", secret(given, "code-verifier")),
                ("redirect_uri", text(given, "redirect-uri")),
            ],
        )
        who = me(given, taken(response))
        login, harbours = who["login"], who["harbours"]
        if len(harbours) == 0:
            raise failure("insufficient-scope", f"{login} may read no harbour; ask Tidemark for one")
        return [Account(title=f"{login} at {harbour}", fields=[("harbour", harbour)]) for harbour in harbours]


# ---- What a mint returns


def current(given):
    """A token of an earlier call that is still good: whoever returns it spends nothing."""
    return given["current-token"].value if "current-token" in given else None


def fresh(kind, given):
    if kind == "station-key":
        return taken(station_token(given))
    if kind == "account":
        return taken(refreshed(given))
    raise failure("unsupported", f"`{kind}` is no kind of Tidemark credential")


def beside(given):
    """What readers need beside the token."""
    fields = [("url", Value_Text(base(given)))]
    return [*fields, ("harbour", given["harbour"])] if "harbour" in given else fields


# ---- What Tidemark says


def station_token(given):
    """The key joined with the station's name, as Basic credentials (RFC 7617)."""
    station = text(given, "station")
    basic = join([Part_Text(f"{station}:"), placed(secret(given, "key"), Encoding.PLAIN)], Encoding.BASE64)
    authorization = Header("authorization", [Part_Text("Basic "), placed(basic, Encoding.PLAIN)])
    return ask("POST", f"{base(given)}/stations/{quoted(station)}/token", [authorization])


def refreshed(given):
    """Spends the refresh token. Its successor is stored before `send` returns; nothing of that is done here."""
    return tokens(given, [("grant_type", "refresh_token"), ("refresh_token", secret(given, "refresh-token"))])


def tokens(given, pairs):
    client = [("client_id", text(given, "client-id")), ("client_secret", secret(given, "client-secret"))]
    headers = [Header("content-type", [Part_Text("application/x-www-form-urlencoded")])]
    return ask("POST", f"{base(given)}/oauth/token", headers, form(pairs + client))


def me(given, token):
    response = ask("GET", f"{base(given)}/me", [Header("authorization", [Part_Text("Bearer "), placed(token, Encoding.PLAIN)])])
    return json.loads(response.opened())


def taken(response):
    token = response.take("access-token")
    if token is None:
        raise failure("upstream-protocol", "the answer of Tidemark lacks the access token", Retry_Later(None))
    return token


def ask(method, url, headers, body=(), also=()):
    """A response of success, or of a status in `also`."""
    # What the host refuses or cannot do arrives as an `Err` with a failure in it; uncaught, it is passed on as it is.
    response = send(Request(method, url, [Header("accept", [Part_Text("application/json")]), *headers], list(body)))
    status = response.status()
    if 200 <= status < 300 or status in also:
        return response
    raise refusal(status, response)


def refusal(status, response):
    """The word in the body tells more than the status; an answer that does not read has none."""
    try:
        error = json.loads(response.opened()).get("error")
    except (Err, ValueError):
        error = None
    details = [("upstream-status", str(status))]
    if isinstance(error, str):
        details.append(("upstream-error", error))
    seconds = response.header("retry-after") or ""
    later = Retry_Later(int(seconds) * 1000 if seconds.isdecimal() else None)
    if error == "invalid_grant":
        message = "Tidemark no longer knows the grant; connect the account again"
        return failure("reauth-required", message, Retry_Reauthorise(), details)
    if status == 429:
        return failure("rate-limited", "Tidemark was asked too often", later, details)
    if status >= 500:
        return failure("transient", f"Tidemark answers {status}", later, details)
    if status == 401 or error == "invalid_client":
        return failure("misconfigured", "Tidemark does not know this key or application", Retry_Never(), details)
    return failure("upstream-protocol", f"Tidemark answers {status}, which nobody foresaw", Retry_Later(None), details)


def failure(code, message, retry=None, details=()):
    return Err(Failure(code, message, retry or Retry_Never(), False, list(details)))


# ---- What a request is made of


def placed(handle, encoding):
    return Part_Secret((handle, encoding))


def quoted(value):
    return quote(value, safe="")


def form(pairs):
    """The parts of a form: text encoded here, secrets by the host, each the whole value of its key."""
    parts = []
    for key, value in pairs:
        parts.append(Part_Text(f"{'&' if parts else ''}{key}="))
        parts.append(Part_Text(quoted(value)) if isinstance(value, str) else placed(value, Encoding.FORM_URLENCODED))
    return parts


# ---- What was stored


def base(given):
    return given["url"].value.rstrip("/") if "url" in given else HOME


def text(given, name):
    return field(given, name, Value_Text)


def secret(given, name):
    return field(given, name, Value_Secret)


def field(given, name, form_of_it):
    found = given.get(name)
    if not isinstance(found, form_of_it):
        raise failure("invalid-credential", f"the credential lacks `{name}`")
    return found.value
