/** The errors of the package as a real client throws them: for each code who has to act, and what the message and the hint say. */

import { ValetKeyError, configError } from '../errors.js';

/** @typedef {import('../index.d.ts').ErrorCode} ErrorCode */
/** @typedef {import('../index.d.ts').Fault} Fault */
/** @typedef {import('./index.d.ts').RefusalDetails} RefusalDetails */

const CALL_SIGN_IN = 'Call `signIn()`.';
const CHECK_CLIENT = 'Check the settings of this client at the provider, and any proxy in between.';
const CORRECT_PROVIDER = 'Correct it at the provider. Its metadata can also be passed as `server`.';
const LATER = 'Try again later. The session is kept.';
const LOOK = 'Look at the response in the network panel: it violates the specification.';
const OFFER_AGAIN = 'Offer the sign-in again.';
const SIGN_IN_AGAIN = "Sign in again. A stale tab, a bookmark or another user's link are the usual causes.";
const READ_DESCRIPTION = "Read `oauth.error_description`, or the provider's log.";
const SPELLING = 'Check that `issuer` is spelled exactly as the server spells it, to the last slash.';
const NO_RESPONSE =
  'Check that the server runs and that its CORS settings (`Access-Control-Allow-Origin`, often “allowed web origins”) allow this ' +
  "page's origin; and for bound tokens (DPoP) `dpop` in `Access-Control-Allow-Headers`. A policy of worker.js must allow it in " +
  '`connect-src`. Redirects are not followed.';

/** By code: fault, message, hint, and whether the same call may succeed later. @type {Record<ErrorCode, [Fault, string, string, true?]>} */
const REFUSALS = {
  authorization_error: ['server', 'the server refused the authorization request', READ_DESCRIPTION],
  cancelled: ['user', 'superseded by a sign-out or another sign-in', 'Ignore it: the newer call decides.'],
  config_error: ['app', 'no secure context', 'Use https or localhost. On a server, call nothing.'],
  discovery_failed: [
    'server',
    'no metadata at https://id.example.com',
    'Open the address in a tab. If it leads elsewhere or nowhere, check `issuer`, or pass the metadata as `server`.',
  ],
  dpop_error: [
    'server',
    'the server issued a token that is not bound to the key',
    "Set up this client for DPoP at the provider, or set `dpop: 'off'` in `createClient` if the API accepts `Bearer`.",
  ],
  duplicate_parameter: ['server', '`code` occurs twice in the authorization response', SIGN_IN_AGAIN],
  id_token_invalid: ['server', 'the ID Token is not acceptable: signature', CHECK_CLIENT],
  iss_mismatch: ['server', 'response from issuer https://other.example.com, expected https://id.example.com', SPELLING],
  issuer_mismatch: [
    'server',
    'metadata of issuer https://other.example.com, expected https://id.example.com',
    SPELLING,
  ],
  login_required: ['user', 'no user is signed in', CALL_SIGN_IN],
  metadata_invalid: ['server', "the server's metadata: `token_endpoint` is missing or malformed", CORRECT_PROVIDER],
  network_error: ['browser', 'no response from https://id.example.com', NO_RESPONSE, true],
  not_json: [
    'server',
    'no JSON at https://id.example.com, but text/html',
    "Open the address in a tab: HTML there means a wrong path or a proxy's error page.",
    true,
  ],
  popup_blocked: ['browser', 'the browser blocked the popup', 'Call `signIn` first thing in a click.'],
  popup_closed: ['user', 'the popup was closed', OFFER_AGAIN],
  popup_timeout: ['user', 'the sign-in in the popup was not completed in time', OFFER_AGAIN],
  redirect_loop: [
    'app',
    'the page and the provider redirect the user in a loop',
    '`cause` says why the last sign-in failed, if it did.',
  ],
  request_blocked: [
    'app',
    'the call was not sent: the address is not on the `api` list',
    'Add the address to `api` if the token is meant for it; otherwise use `fetch`.',
  ],
  registration_error: [
    'server',
    'the server refused to register this app',
    'Read `oauth.error_description`, and change `registration` in `createClient`.',
  ],
  response_invalid: ['server', "the response's `access_token` is missing or malformed", LOOK],
  server_unavailable: ['server', 'https://id.example.com cannot respond at the moment', LATER, true],
  session_ended: ['user', 'the session is over', CALL_SIGN_IN],
  state_mismatch: ['browser', 'the response belongs to no pending sign-in: expired', SIGN_IN_AGAIN],
  timeout: ['server', 'https://id.example.com did not respond in time', LATER, true],
  token_error: ['server', 'the server refused the token, or the request for one', READ_DESCRIPTION],
  too_large: ['server', 'the response is too large', LOOK],
  unexpected: ['library', 'unexpected: a failure that the test asked for', 'Please report it.'],
  unsupported: [
    'app',
    'there is no refresh token with which to request the access token for this API',
    'Add `offline_access` to `scope`, or allow refresh tokens for this client at the provider. If the session had one, call `signIn()`.',
  ],
  url_rejected: ['server', '`token_endpoint` is not an acceptable https URL', CORRECT_PROVIDER],
  user_changed: ['user', 'another user is signed in at the provider; the session is over', CALL_SIGN_IN],
  userinfo_invalid: ['server', 'UserInfo is not acceptable: sub', CHECK_CLIENT],
};

/** The error code of a server whose turn it is not. */
const DECLINED = 'access_denied';

/** @param {ErrorCode} code @param {RefusalDetails} [details] */
export function refusalOf(code, { oauth, retryAfter, returnTo, message } = {}) {
  if (!Object.hasOwn(REFUSALS, code))
    throw configError(`no error code \`${code}\``, 'Write one of `ErrorCode` in the types of the package.');
  const [fault, usual, hint, retryable = false] = REFUSALS[code];
  const isDeclined = oauth?.error === DECLINED && (code === 'authorization_error' || code === 'token_error');
  const error = new ValetKeyError({
    code,
    fault: isDeclined ? 'user' : fault,
    message: message ?? usual,
    hint: isDeclined ? 'The user declined or lacks permission. Offer the sign-in again.' : hint,
    retryable,
    ...(retryAfter !== undefined && { retryAfter }),
    ...(oauth && { oauth }),
  });
  return returnTo === undefined ? error : Object.assign(error, { returnTo });
}
