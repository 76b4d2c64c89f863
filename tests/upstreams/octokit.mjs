// GitHub's own client with what Claviger hands out. Standard input: {"api", "token", "ask": "user" | "emails" | "repositories" | "app"}, for
// "app" also "app_id", "private_key", "account". Standard output: {"status", "data"}, of a refusal too.
import { App, Octokit } from "octokit";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const input = JSON.parse(text);

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
// A test waits for no limit.
const options = { baseUrl: input.api, log: quiet, retry: { enabled: false }, throttle: { enabled: false } };

const asks = {
  user: (octokit) => octokit.rest.users.getAuthenticated(),
  emails: (octokit) => octokit.rest.users.listEmailsForAuthenticatedUser(),
  repositories: (octokit) => octokit.rest.apps.listReposAccessibleToInstallation(),
};

async function answer() {
  if (input.ask !== "app") return asks[input.ask](new Octokit({ ...options, auth: input.token }));
  // The client's own way to an installation's token: what Claviger does has to come out the same.
  const app = new App({ appId: input.app_id, privateKey: input.private_key, Octokit: Octokit.defaults(options), log: quiet });
  const { data: installation } = await app.octokit.rest.apps.getUserInstallation({ username: input.account });
  const octokit = await app.getInstallationOctokit(installation.id);
  const { status, data } = await octokit.rest.apps.listReposAccessibleToInstallation();
  return { status, data: { ...data, installation: installation.id } };
}

const said = await answer().catch((error) => ({ status: error.status ?? 0, data: { message: error.message } }));
process.stdout.write(JSON.stringify({ status: said.status, data: said.data }));
