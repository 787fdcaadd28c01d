/** The authorization endpoint (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2): who signs in, and the response to the app. */

import { choicePage, textPage } from './pages.js';
import { isLoopback, redirect } from './responses.js';

/** @typedef {import('./provider.js').Parts} Parts */
/** @typedef {import('./failures.js').Failure} Failure */

/** A challenge of the method S256 (RFC 7636 §4.2). */
const CHALLENGE = /^[\w-]{43}$/;

/**
 * @param {Parts} parts @param {Request} request
 * @param {Failure} [failure] an error that the test wants the app to get
 * @returns {Promise<Response>}
 */
export async function authorize(parts, request, failure) {
  const { users, logins, settings } = parts;
  const form = request.method === 'POST' ? [...new URLSearchParams(await request.text())] : [];
  const given = [...new URL(request.url).searchParams, ...form];
  const chosen = form.find(([name]) => name === 'user')?.[1];
  const parameters = new Map(given);
  const get = (/** @type {string} */ name) => parameters.get(name) ?? '';

  const clientId = get('client_id');
  const redirectUri = get('redirect_uri');
  const refused = flawOfClient(parts, clientId, redirectUri);
  if (refused) return textPage('The sign-in is not possible', refused, 400);

  const respond = (
    /** @type {Record<string, string>} */ members,
    /** @type {Record<string, string>} */ header = {},
  ) => {
    const url = new URL(redirectUri);
    const query = new URLSearchParams({ ...members, ...(get('state') && { state: get('state') }), iss: parts.issuer });
    if (get('response_mode') === 'fragment') url.hash = `${query}`;
    else for (const [name, value] of query) url.searchParams.append(name, value);
    return redirect(url.href, header);
  };
  const refuse = (/** @type {string} */ error, /** @type {string} */ error_description) =>
    respond({ error, error_description });

  if (failure?.error) return refuse(failure.error, failure.error_description ?? 'The test asked for this failure.');
  const flaw = flawOfRequest(get, given, parameters);
  if (flaw) return refuse(...flaw);

  // Who is it?
  const prompt = get('prompt').split(' ').filter(Boolean);
  const maxAge = parameters.has('max_age') ? Number(get('max_age')) : Infinity;
  let login = logins.of(request);
  if (login && parts.clock.age(login.mark) > maxAge) login = undefined;
  /** @type {Record<string, string>} */
  let header = {};
  if (prompt.includes('none')) {
    if (!login) return refuse('login_required', 'No user is signed in at the test provider.');
  } else if (chosen === '') {
    return refuse('access_denied', 'The user cancelled.');
  } else if (chosen !== undefined) {
    ({ login, header } = logins.begin(request, users.get(chosen).sub));
  } else if (!login || prompt.includes('login') || prompt.includes('select_account')) {
    if (settings.interactive) return choicePage(users.list, clientId, get('scope'));
    ({ login, header } = logins.begin(request, (users.hinted(get('login_hint')) ?? users.next).sub));
  }

  const { sub, mark, sid } = /** @type {import('./logins.js').Login} */ (login);
  const grant = {
    sub,
    clientId,
    sid,
    loginMark: mark,
    scope: get('scope'),
    nonce: get('nonce') || undefined,
    acr: get('acr_values').split(' ')[0] || undefined,
    asked: askedClaims(get('claims')),
  };
  return respond({ code: parts.grants.addCode(grant, redirectUri, get('code_challenge')) }, header);
}

/** Why the browser must not be sent back (RFC 6749 §4.1.2.1). @param {Parts} parts @param {string} clientId @param {string} redirectUri */
function flawOfClient({ settings, origin }, clientId, redirectUri) {
  const { redirectUris, clientIds, origins } = settings;
  if (!clientId) return 'The request has no client_id.';
  if (clientIds && !clientIds.includes(clientId)) return `The test provider does not know the client ${clientId}.`;
  if (!URL.canParse(redirectUri)) return 'The request has no redirect_uri.';
  if (redirectUris) {
    if (redirectUris.includes(redirectUri)) return undefined;
    return `${redirectUri} is not one of the redirect URIs of the test provider (the option redirectUris).`;
  }
  const url = new URL(redirectUri);
  if (isLoopback(redirectUri) || [origin, ...origins].includes(url.origin)) return undefined;
  return `${url.origin} is neither on this machine nor in the option origins of the test provider.`;
}

/**
 * The error code and the description for a request that is not acceptable.
 * @param {(name: string) => string} get @param {[string, string][]} given @param {Map<string, string>} parameters
 * @returns {[string, string] | undefined}
 */
function flawOfRequest(get, given, parameters) {
  const repeated = given.find(
    ([name], index) => name !== 'resource' && given.findIndex(([one]) => one === name) < index,
  );
  if (repeated) return ['invalid_request', `${repeated[0]} occurs twice.`];
  if (get('response_type') !== 'code') return ['unsupported_response_type', 'The test provider knows the type code.'];
  if (!['', 'query', 'fragment'].includes(get('response_mode')))
    return ['invalid_request', 'This response_mode is unknown.'];
  if (get('code_challenge_method') !== 'S256' || !CHALLENGE.test(get('code_challenge')))
    return ['invalid_request', 'PKCE with S256 is required (RFC 7636).'];
  const prompt = get('prompt').split(' ');
  if (prompt.includes('none') && prompt.length > 1) return ['invalid_request', 'prompt=none stands alone.'];
  if (parameters.has('max_age') && !/^\d+$/.test(get('max_age')))
    return ['invalid_request', 'max_age is not a number.'];
  if (parameters.has('request') || parameters.has('request_uri'))
    return ['request_not_supported', 'The test provider reads no request objects.'];
  return undefined;
}

/** The claims that a request asks for by name (OpenID Connect Core §5.5). @param {string} text */
function askedClaims(text) {
  try {
    return JSON.parse(text || '{}') ?? {};
  } catch {
    return {};
  }
}
