// Tidemark, an imaginary service that knows the tides: the key of a measuring station is exchanged for an hour's token, and the
// account of a person is connected in a browser and refreshed, with a refresh token that each use replaces.
//
// Secrets are handles throughout: this code says where one stands in a request, the host puts it there if the manifest lets it
// stand there, and neither ever turns into text here. `Date`, `Math.random` and `crypto` would be frozen at the time of the build,
// without a word (the host's clock is `claviger:provider/clock`); `fetch` and `console` reach nobody. None of them is used.

import { write } from 'claviger:provider/log@0.1.0';
import { join } from 'claviger:provider/secrets@0.1.0';
import { send } from 'claviger:provider/upstream@0.1.0';
import { MANIFEST } from './manifest.js';

const HOME = 'https://api.tidemark.example';

// One object for each interface, named as in `wit/`. What a function throws is the contract's `failure`.
export const provider = { describe: () => MANIFEST, mint: telling(mint) };
export const identify = { identify: telling(whoIsIt) };
export const revoke = { revoke: telling(end) };
export const connect = { authorise: telling(authorise), exchange: telling(exchange) };

function mint({ kind, fields }, request) {
  if (request.length > 0) throw failure('unsupported', 'Tidemark gives no token for less than all of a credential');
  const given = new Map(fields);
  // When it ends, the host knows: it has read that in the answer, where the manifest says.
  return { value: current(given) ?? fresh(kind, given), expiresAtMs: undefined, fields: beside(given) };
}

/** A token of an earlier call that is still good: whoever returns it spends nothing. */
function current(given) {
  return given.get('current-token')?.val;
}

function fresh(kind, given) {
  if (kind === 'station-key') return taken(stationToken(given));
  if (kind === 'account') return taken(refreshed(given));
  throw failure('unsupported', `\`${kind}\` is no kind of Tidemark credential`);
}

/** What readers need beside the token. */
function beside(given) {
  const url = ['url', { tag: 'text', val: base(given) }];
  return given.has('harbour') ? [url, ['harbour', given.get('harbour')]] : [url];
}

/** The key joined with the station's name, as Basic credentials (RFC 7617). */
function stationToken(given) {
  const station = text(given, 'station');
  const basic = join([literal(`${station}:`), placed(secret(given, 'key'), 'plain')], 'base64');
  return ask('POST', `${base(given)}/stations/${encodeURIComponent(station)}/token`, [
    header('authorization', literal('Basic '), placed(basic, 'plain')),
  ]);
}

/** Spends the refresh token. Its successor is stored before `send` returns; nothing of that is done here. */
function refreshed(given) {
  return tokens(given, [
    ['grant_type', 'refresh_token'],
    ['refresh_token', secret(given, 'refresh-token')],
  ]);
}

function whoIsIt({ fields }) {
  const given = new Map(fields);
  const { id, login, name, email } = me(given, secret(given, 'current-token'));
  const known = { id: id === undefined ? undefined : String(id), login, 'display-name': name, 'user-name': name, email };
  return Object.entries(known).filter(([, value]) => typeof value === 'string' && value !== '');
}

/** Ends whatever there is: the grant, with which its tokens end, or a station's token of an hour. */
function end({ kind, fields }) {
  const given = new Map(fields);
  const ended = given.get('refresh-token')?.val ?? current(given);
  if (ended) {
    const body = [literal('{"token":'), placed(ended, 'json-string'), literal('}')];
    const json = header('content-type', literal('application/json'));
    // A token that Tidemark no longer knows (404) has ended.
    ask('POST', `${base(given)}/oauth/revoke`, [json], body, [404]);
  }
  return kind === 'account' ? undefined : `delete the key on the page of station ${text(given, 'station')}`;
}

/** The host adds `state`, `redirect_uri` and the code challenge. */
function authorise({ fields }) {
  const given = new Map(fields);
  const query = { client_id: text(given, 'client-id'), response_type: 'code', scope: 'tides' };
  const pairs = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return `${base(given)}/oauth/authorise?${pairs.join('&')}`;
}

/** Buys the first tokens, and asks with the new one which harbours the person may read: each is an account to choose. */
function exchange({ fields }) {
  const given = new Map(fields);
  const response = tokens(given, [
    ['grant_type', 'authorization_code'],
    ['code', secret(given, 'code')],
    ['code_verifier', secret(given, 'code-verifier')],
    ['redirect_uri', text(given, 'redirect-uri')],
  ]);
  const { login, harbours } = me(given, taken(response));
  if (harbours.length === 0) throw failure('insufficient-scope', `${login} may read no harbour; ask Tidemark for one`);
  return harbours.map((harbour) => ({ title: `${login} at ${harbour}`, fields: [['harbour', harbour]] }));
}

// ---- What Tidemark says

function tokens(given, pairs) {
  const body = form([...pairs, ['client_id', text(given, 'client-id')], ['client_secret', secret(given, 'client-secret')]]);
  return ask('POST', `${base(given)}/oauth/token`, [header('content-type', literal('application/x-www-form-urlencoded'))], body);
}

function me(given, token) {
  const response = ask('GET', `${base(given)}/me`, [header('authorization', literal('Bearer '), placed(token, 'plain'))]);
  return JSON.parse(response.opened());
}

function taken(response) {
  const token = response.take('access-token');
  if (!token) throw failure('upstream-protocol', 'the answer of Tidemark lacks the access token', { tag: 'later', val: undefined });
  return token;
}

/** A response of success, or of a status in `also`. */
function ask(method, url, headers, body = [], also = []) {
  // What the host refuses or cannot do arrives as an error that carries a `failure`; uncaught, it is passed on as it is.
  const response = send({ method, url, headers: [header('accept', literal('application/json')), ...headers], body });
  const status = response.status();
  if ((status >= 200 && status < 300) || also.includes(status)) return response;
  throw refusal(status, response);
}

/** The word in the body tells more than the status; an answer that does not read has none. */
function refusal(status, response) {
  let error;
  try {
    error = JSON.parse(response.opened()).error;
  } catch {
    error = undefined;
  }
  const details = [['upstream-status', String(status)]];
  if (typeof error === 'string') details.push(['upstream-error', error]);
  const seconds = Number(response.header('retry-after') ?? NaN);
  const later = { tag: 'later', val: Number.isFinite(seconds) ? BigInt(Math.round(seconds * 1000)) : undefined };
  if (error === 'invalid_grant') {
    return failure('reauth-required', 'Tidemark no longer knows the grant; connect the account again', { tag: 'reauthorise' }, details);
  }
  if (status === 429) return failure('rate-limited', 'Tidemark was asked too often', later, details);
  if (status >= 500) return failure('transient', `Tidemark answers ${status}`, later, details);
  if (status === 401 || error === 'invalid_client') {
    return failure('misconfigured', 'Tidemark does not know this key or application', undefined, details);
  }
  return failure('upstream-protocol', `Tidemark answers ${status}, which nobody foresaw`, { tag: 'later', val: undefined }, details);
}

function failure(code, message, retry = { tag: 'never' }, details = []) {
  return { code, message, retry, upstreamMayHaveActed: false, details };
}

// ---- What a request is made of

const literal = (val) => ({ tag: 'text', val });
const placed = (handle, encoding) => ({ tag: 'secret', val: [handle, encoding] });
const header = (name, ...value) => ({ name, value });

/** The parts of a form: text encoded here, secrets by the host, each the whole value of its key. */
function form(pairs) {
  return pairs.flatMap(([key, value], index) => [
    literal(`${index > 0 ? '&' : ''}${key}=`),
    typeof value === 'string' ? literal(encodeURIComponent(value)) : placed(value, 'form-urlencoded'),
  ]);
}

// ---- What was stored

function base(given) {
  return (given.get('url')?.val ?? HOME).replace(/\/+$/, '');
}

function text(given, name) {
  return field(given, name, 'text');
}

function secret(given, name) {
  return field(given, name, 'secret');
}

function field(given, name, tag) {
  const found = given.get(name);
  if (found?.tag !== tag) throw failure('invalid-credential', `the credential lacks \`${name}\``);
  return found.val;
}

/** A slip in this code ends the call; the log then says which. The host removes the secrets of the call from what is written. */
function telling(ability) {
  return (...given) => {
    try {
      return ability(...given);
    } catch (error) {
      if (error instanceof Error && !('payload' in error)) write('error', `${error}\n${error.stack}`);
      throw error;
    }
  };
}
