# python-gitlab with a token that Claviger handed out.
# In: {"url", "private_token" or "oauth_token"}. Out: {"username", "active"?}.
import json
import sys

import gitlab

given = json.load(sys.stdin)
client = gitlab.Gitlab(**given, retry_transient_errors=False)
client.auth()
said = {"username": client.user.username}
if "private_token" in given:
    said["active"] = client.personal_access_tokens.get("self").active
json.dump(said, sys.stdout)
