// Google's own Node.js client (google-auth-library), handed what Claviger gave out, and asking the emulated Google for itself: a second
// opinion on the emulator, which must take what the real client sends.
import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";

// What the client uses and Debian 12's Node.js 18 lacks.
globalThis.crypto ??= webcrypto;
const { IdentityPoolClient, OAuth2Client } = await import("google-auth-library");

const given = JSON.parse(readFileSync(0, "utf8"));
const { google, person } = given;
const told = {};

const whose = async (client) => {
  const { token } = await client.getAccessToken();
  const answer = await client.request({ url: `${google}/tokeninfo?access_token=${encodeURIComponent(token)}` });
  return answer.data.email;
};

// What Claviger handed out, as a program would use it.
const handedOut = new OAuth2Client();
handedOut.setCredentials({ access_token: given.body.accessToken, expiry_date: Date.parse(given.body.expiresAt) });
told.handed_out = await whose(handedOut);

const own = new OAuth2Client({
  clientId: person.client_id,
  clientSecret: person.client_secret,
  endpoints: { oauth2TokenUrl: `${google}/token`, oauth2RevokeUrl: `${google}/revoke` },
});
own.setCredentials({ refresh_token: person.refresh_token });
told.refreshed = await whose(own);

const external = new IdentityPoolClient({
  type: "external_account",
  audience: given.audience,
  subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
  token_url: `${google}/v1/token`,
  service_account_impersonation_url: `${google}/v1/projects/-/serviceAccounts/${given.deployer}:generateAccessToken`,
  credential_source: { file: given.subject_file },
});
external.scopes = [given.scope];
told.external_impersonating = await whose(external);

told.revoked = (await own.revokeToken(person.refresh_token)).status;
const again = new OAuth2Client({ clientId: person.client_id, clientSecret: person.client_secret, endpoints: { oauth2TokenUrl: `${google}/token` } });
again.setCredentials({ refresh_token: person.refresh_token });
try {
  await again.getAccessToken();
  told.after = "still good";
} catch (error) {
  told.after = error.response?.data?.error ?? String(error);
}

process.stdout.write(JSON.stringify(told));
