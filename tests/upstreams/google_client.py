"""Google's own Python client (google-auth), handed what Claviger gave out, and asking the emulated Google for itself.

What it asks of the emulator is a second opinion on the emulator: it must take what the real client sends.
"""

import json
import sys

from google.auth import impersonated_credentials
from google.auth.exceptions import RefreshError
from google.auth.identity_pool import Credentials as IdentityPool
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2.credentials import Credentials
from google.oauth2.service_account import Credentials as ServiceAccount

given = json.load(sys.stdin)
google = given["google"]
ask = Request()


def info(credentials):
    if not credentials.token:
        credentials.refresh(ask)
    answer = AuthorizedSession(credentials).post(f"{google}/tokeninfo", data={"access_token": credentials.token})
    answer.raise_for_status()
    return answer.json()


def person(**more):
    document = given["person"]
    return Credentials(
        None,
        refresh_token=document["refresh_token"],
        token_uri=f"{google}/token",
        client_id=document["client_id"],
        client_secret=document["client_secret"],
        **more,
    )


def account(**more):
    return ServiceAccount.from_service_account_info({**given["key_file"], "token_uri": f"{google}/token"}, **more)


def external(**more):
    document = {
        "type": "external_account",
        "audience": given["audience"],
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{google}/v1/token",
        "credential_source": {"file": given["subject_file"]},
        **more,
    }
    return IdentityPool.from_info(document, scopes=[given["cloud"]])


told = {}

# What Claviger handed out, as a program would use it: no refresh token, so nothing to refresh with.
body = given["body"]
handed_out = Credentials(token=body["accessToken"], scopes=body["scopes"])
told["handed_out"] = AuthorizedSession(handed_out).get(f"{google}/v1/userinfo").json()["email"]

told["refreshed"] = info(person())["email"]
narrow = person(scopes=[given["scope"]])
narrow.refresh(ask)
told["refreshed_narrow"] = list(narrow.granted_scopes)
told["service_account"] = info(account(scopes=[given["cloud"]]))["email"]
told["delegated"] = info(account(scopes=[given["scope"], given["email"]], subject="bob@example.org"))["email"]
told["external"] = bool(info(external())["scope"])
links = f"{google}/v1/projects/-/serviceAccounts/{{}}:generateAccessToken"
told["external_impersonating"] = info(external(service_account_impersonation_url=links.format(given["deployer"])))["email"]
chained = impersonated_credentials.Credentials(
    source_credentials=person(),
    target_principal=given["vault"],
    target_scopes=[given["scope"]],
    delegates=[f"projects/-/serviceAccounts/{given['deployer']}"],
    iam_endpoint_override=links.format(given["vault"]),
)
told["impersonated"] = info(chained)["email"]

revoked = person()
answer = ask(url=f"{google}/revoke", method="POST", headers={"content-type": "application/x-www-form-urlencoded"}, body=b"token=" + given["person"]["refresh_token"].replace("/", "%2F").encode())
assert answer.status == 200, answer.data
try:
    revoked.refresh(ask)
    told["revoked"] = "still good"
except RefreshError as error:
    told["revoked"] = str(error.args[0])

json.dump(told, sys.stdout)
