# The `jira` client with a token that Claviger handed out.
# In: {"url", "email"?, "token", "version"}. Out: what Jira says of the account.
import json
import sys

import jira

given = json.load(sys.stdin)
shown = {"basic_auth": (given["email"], given["token"])} if given.get("email") else {"token_auth": given["token"]}
client = jira.JIRA(given["url"], options={"rest_api_version": given["version"]}, get_server_info=False, max_retries=0, **shown)
json.dump(client.myself(), sys.stdout)
