/**
 * The checks of a provider and of the APIs. They decide what to ask and what to make of the answers; how to ask is the caller's part, since
 * a page and Node.js see different things of a response.
 */

import { finding } from './knowledge.js';

/** @typedef {import('./index.d.ts').Finding} Finding */

/**
 * A request, as the client would make it from the app's origin. `headers` are those that need a preflight.
 * @typedef {{ url: string, method: 'GET' | 'HEAD' | 'POST', headers?: Record<string, string>, body?: string }} Question
 */

/**
 * @typedef {object} Answer
 * @property {'read' | 'cors' | 'preflight' | 'redirect' | 'policy' | 'unreachable'} outcome `read`: a page can read the response; `cors`:
 *   the server answers, and no page can read that; `preflight`: the server refuses the headers of the request; `policy`: the policy of
 *   the asking page forbids the request
 * @property {string} [detail] what exactly is missing, as words
 * @property {string} [to] where a redirect leads, if that can be seen
 * @property {number} [status]
 * @property {string} [text] the body
 * @property {(name: string) => string | null} [header] a header of the response that a page can read
 * @property {(name: string) => boolean | undefined} [isExposed] whether a page can read a header; `undefined` if that cannot be seen
 */

/** @typedef {(question: Question) => Promise<Answer>} Ask */

/**
 * The options, with their defaults and absolute addresses.
 * @typedef {object} Settings
 * @property {string} origin of the app
 * @property {string} [issuer]
 * @property {Record<string, any>} [server]
 * @property {string} [clientId]
 * @property {string} scope
 * @property {boolean} openid
 * @property {string[]} apis
 * @property {'auto' | 'required' | 'off'} dpop
 * @property {boolean} allowLoopbackHttp
 * @property {boolean} restores
 * @property {string} method how the client authenticates
 */

/** Stands where the client would send a token or a proof, and is neither. */
const NOTHING = 'doctor';

/** The client's own keys of ID Tokens. */
const ALGORITHMS = /^(RS|PS|ES)(256|384|512)$|^(EdDSA|Ed25519)$/;

const isLoopback = (/** @type {string} */ host) => /^((.+[.])?localhost|127[.]\d+[.]\d+[.]\d+|\[::1\])$/.test(host);

/** @param {unknown} text @returns {URL | undefined} */
const parsed = (text) => (typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined);

/**
 * The shape of a redirect URI.
 * @param {string} text @param {string} origin of the app @param {boolean} isThisPage @returns {Finding}
 */
export function redirectUri(text, origin, isThisPage) {
  const url = parsed(text);
  const tell = (/** @type {string} */ outcome) => finding('redirect_uri', outcome, { url: text, origin });
  if (!url) return tell('invalid');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) return tell('insecure');
  if (text.includes('#')) return tell('fragment');
  if (url.origin !== origin) return tell('other_origin');
  if (url.search) return tell('query');
  return tell(isThisPage ? 'this_page' : 'ok');
}

/**
 * The clock of this device against that of a server.
 * @param {string | null | undefined} date the header @param {string} of which server @param {string | null} [age] in seconds, of a cache
 */
export function clock(date, of, age) {
  const time = Date.parse(date ?? '') + 1000 * Number(age ?? 0);
  if (Number.isNaN(time)) return finding('clock', 'unknown', { of });
  const seconds = Math.round(Math.abs(Date.now() - time) / 1000);
  return finding('clock', seconds > 300 ? 'off' : seconds > 60 ? 'slight' : 'ok', { of, seconds });
}

/**
 * Where metadata may be, in the order of the client (RFC 8414 §3.1, OpenID Connect Discovery §4).
 * @param {string} text @param {boolean} openid
 */
export function wellKnown(text, openid) {
  const issuer = text.replace(/\/$/, '');
  const { origin } = new URL(issuer);
  const path = issuer.slice(origin.length);
  const appended = `${issuer}/.well-known/openid-configuration`;
  const oauth = `${origin}/.well-known/oauth-authorization-server${path}`;
  const inserted = `${origin}/.well-known/openid-configuration${path}`;
  return [...new Set(openid ? [appended, oauth, inserted] : [oauth, inserted, appended])];
}

/**
 * Checks everything that a provider and the APIs say to a page of this origin.
 * @param {Settings} settings @param {Ask} ask @returns {Promise<Finding[]>}
 */
export async function examine(settings, ask) {
  /** @type {Finding[]} */
  const findings = [];
  const tell = (/** @type {string} */ check, /** @type {string} */ outcome, /** @type {object} */ facts = {}) =>
    void findings.push(finding(check, outcome, { origin: settings.origin, ...facts }));
  const metadata = await metadataOf(settings, ask, tell, findings);
  if (metadata) {
    judge(metadata, settings, tell);
    await endpointsOf(metadata, settings, ask, tell);
  }
  for (const url of settings.apis) await api(url, isBound(metadata ?? {}, settings), ask, tell);
  return findings;
}

/** @typedef {(check: string, outcome: string, facts?: object) => void} Tell */

/**
 * @param {Settings} settings @param {Ask} ask @param {Tell} tell @param {Finding[]} findings
 * @returns {Promise<Record<string, any> | undefined>}
 */
async function metadataOf({ issuer, server, openid, allowLoopbackHttp, origin }, ask, tell, findings) {
  if (server) {
    tell('issuer', 'server');
    return server;
  }
  if (!issuer) return undefined;
  const url = parsed(issuer);
  if (!url) return (tell('issuer', 'invalid', { issuer }), undefined);
  const isLocal = url.protocol === 'http:' && isLoopback(url.hostname);
  const bare = issuer.replace(/\/?\.well-known\/.*$/, '');
  if (bare !== issuer) return (tell('issuer', 'well_known', { issuer, bare }), undefined);
  if (url.protocol !== 'https:' && !isLocal) return (tell('issuer', 'insecure', { issuer }), undefined);
  tell('issuer', isLocal && !allowLoopbackHttp ? 'loopback' : 'ok', { issuer });
  let isHidden = false;
  for (const address of wellKnown(issuer, openid)) {
    const answer = await ask({ url: address, method: 'GET' });
    const { outcome, status = 0, text = '', detail, to } = answer;
    const type = answer.header?.('content-type') ?? '';
    isHidden ||= outcome === 'policy';
    if (outcome !== 'read') tell('discovery.address', outcome, { url: address, detail, to });
    else if (status < 200 || status > 299) tell('discovery.address', 'status', { url: address, status });
    else {
      const members = objectOf(text);
      if (members) {
        tell('discovery.address', 'found', { url: address });
        tell('content_type', /^application\/([\w.-]+\+)?json\b/i.test(type) ? 'ok' : 'other', { url: address, type });
        const { issuer: received } = members;
        const differsInSlash = `${received}`.replace(/\/$/, '') === issuer.replace(/\/$/, '');
        const match = received === issuer ? 'ok' : differsInSlash ? 'slash' : 'other';
        tell('issuer_match', match, { expected: issuer, received: shown(received) });
        const date = answer.header?.('date');
        if (date) findings.push(clock(date, new URL(address).host, answer.header?.('age')));
        return members;
      }
      tell('discovery.address', 'not_json', { url: address, type });
    }
    if (isHidden) return undefined; // the other addresses are forbidden, too
  }
  tell('discovery', 'none', { issuer, origin });
  return undefined;
}

/** @param {string} text @returns {Record<string, any> | undefined} */
function objectOf(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === 'object' && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A value of a server, short and in one line. @param {unknown} value */
const shown = (value) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')).slice(0, 200);

/** @param {unknown} value @returns {string[] | undefined} */
const texts = (value) => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined);

/** Whether the client binds tokens to a key. @param {Record<string, any>} metadata @param {Settings} settings */
const isBound = (metadata, { dpop }) =>
  dpop === 'required' || (dpop === 'auto' && Boolean(texts(metadata.dpop_signing_alg_values_supported)));

/** What the metadata say, without a request. @param {Record<string, any>} metadata @param {Settings} settings @param {Tell} tell */
function judge(metadata, settings, tell) {
  const { openid, scope, clientId, dpop, method, restores, allowLoopbackHttp } = settings;
  const needed = ['authorization_endpoint', 'token_endpoint', ...(openid ? ['jwks_uri'] : [])];
  const isAcceptable = (/** @type {unknown} */ text) => {
    const url = parsed(text);
    const isLocal = allowLoopbackHttp && url?.protocol === 'http:' && isLoopback(url.hostname);
    return url && (url.protocol === 'https:' || isLocal) && !url.hash && !url.username;
  };
  const absent = needed.filter((member) => !metadata[member]);
  const wrong = [...needed, 'userinfo_endpoint', 'pushed_authorization_request_endpoint'].filter(
    (member) => metadata[member] && !isAcceptable(metadata[member]),
  );
  for (const member of absent) tell('metadata', 'missing', { member });
  for (const member of wrong) tell('metadata', 'url', { member, value: shown(metadata[member]) });
  const types = texts(metadata.response_types_supported);
  if (types && !types.includes('code')) tell('metadata', 'no_code');
  else if (!absent.length && !wrong.length) tell('metadata', 'ok');

  const challenges = texts(metadata.code_challenge_methods_supported);
  tell('pkce', !challenges ? 'silent' : challenges.includes('S256') ? 'ok' : 'missing', { values: challenges });

  const methods = texts(metadata.token_endpoint_auth_methods_supported);
  const fits = !methods ? 'silent' : methods.includes(method) ? 'ok' : 'not_listed';
  tell('client_authentication', fits, { values: methods, method, clientId });

  const [grants, scopes] = [texts(metadata.grant_types_supported), texts(metadata.scopes_supported)];
  const [asks, offers] = [scope.split(' ').includes('offline_access'), scopes?.includes('offline_access')];
  if (grants && !grants.includes('refresh_token')) tell('refresh', 'no_grant');
  else if (offers && !asks) tell('refresh', 'not_requested');
  else if (asks && offers === false) tell('refresh', 'not_offered');
  else tell('refresh', grants || offers ? 'ok' : 'silent');

  if (openid) {
    const prompts = texts(metadata.prompt_values_supported);
    tell('restore', !restores ? 'off' : prompts && !prompts.includes('none') ? 'unsupported' : 'ok', {
      values: prompts,
    });
    const algorithms = texts(metadata.id_token_signing_alg_values_supported);
    const isChecked = !algorithms || algorithms.some((name) => ALGORITHMS.test(name));
    tell('id_token', isChecked ? 'ok' : 'unsupported', { values: algorithms });
    tell('sign_out', metadata.end_session_endpoint ? 'ok' : 'missing');
  }
  tell('revocation', metadata.revocation_endpoint ? 'ok' : 'missing');

  const proofs = texts(metadata.dpop_signing_alg_values_supported);
  if (dpop === 'off') tell('dpop', 'off');
  else if (!proofs) tell('dpop', dpop === 'required' ? 'required' : 'none');
  else
    tell('dpop', proofs.some((name) => /^(ES256|Ed25519|EdDSA)$/.test(name)) ? 'bound' : 'algorithms', {
      values: proofs,
    });

  const pushes = Boolean(metadata.pushed_authorization_request_endpoint);
  const mustPush = metadata.require_pushed_authorization_requests === true;
  tell('par', pushes ? 'used' : mustPush ? 'missing' : 'none');
  tell('iss', metadata.authorization_response_iss_parameter_supported === true ? 'ok' : 'missing');
}

/**
 * What the client would ask at each endpoint, without anything that the endpoint could act on: no code, no token, no credential. The
 * client ID is public, and many providers need it to know which origins the client may call from.
 * @param {Record<string, any>} metadata @param {Settings} settings @returns {Record<string, Question | undefined>}
 */
function questions(metadata, settings) {
  const { clientId = '' } = settings;
  /** @type {Record<string, string>} */
  const proof = isBound(metadata, settings) ? { dpop: NOTHING } : {};
  const form = (/** @type {unknown} */ url, /** @type {Record<string, string>} */ fields, headers = {}) =>
    parsed(url) && {
      url: `${url}`,
      method: /** @type {const} */ ('POST'),
      headers,
      body: `${new URLSearchParams(fields)}`,
    };
  /** @type {Record<string, string>} */
  const client = clientId ? { client_id: clientId } : {};
  const userinfo = metadata.userinfo_endpoint;
  const scheme = isBound(metadata, settings) ? 'DPoP' : 'Bearer';
  return {
    token: form(metadata.token_endpoint, { grant_type: 'authorization_code', ...client }, proof),
    jwks: parsed(metadata.jwks_uri) && settings.openid ? { url: metadata.jwks_uri, method: 'GET' } : undefined,
    userinfo: parsed(userinfo) && {
      url: userinfo,
      method: 'GET',
      headers: { authorization: `${scheme} ${NOTHING}`, ...proof },
    },
    revocation: form(metadata.revocation_endpoint, client, proof),
    par: form(metadata.pushed_authorization_request_endpoint, client, proof),
    // With a client ID, this would be a valid request for codes.
    device: form(metadata.device_authorization_endpoint, {}),
    // An app with a client ID registers nothing, and an empty body registers nothing either.
    registration:
      !clientId && parsed(metadata.registration_endpoint)
        ? {
            url: metadata.registration_endpoint,
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: '',
          }
        : undefined,
  };
}

/** @param {Record<string, any>} metadata @param {Settings} settings @param {Ask} ask @param {Tell} tell */
async function endpointsOf(metadata, settings, ask, tell) {
  for (const [endpoint, question] of Object.entries(questions(metadata, settings))) {
    if (!question) continue;
    const answer = await ask(question);
    reach(endpoint, question, answer, tell);
    if (answer.outcome !== 'read') continue;
    if (endpoint === 'token') refusal(answer, settings, tell);
    if (question.headers?.dpop && endpoint !== 'revocation') proofHeaders(endpoint, question.url, answer, tell);
  }
}

/**
 * Whether a page can read what is at an address.
 * @param {string} endpoint @param {Question} question @param {Answer} answer @param {Tell} tell
 */
function reach(endpoint, { url, headers = {} }, answer, tell) {
  const isAbsent = answer.outcome === 'read' && answer.status === 404 && endpoint !== 'api';
  const { detail, to, status } = answer;
  tell('cors', isAbsent ? 'missing' : answer.outcome, {
    endpoint,
    url,
    detail,
    to,
    status,
    headers: Object.keys(headers).join(', '),
  });
}

/** A token endpoint that does not accept the client. @param {Answer} answer @param {Settings} settings @param {Tell} tell */
function refusal({ text = '' }, { clientId, method }, tell) {
  const { error, error_description: description } = objectOf(text) ?? {};
  const wantsSecret = error === 'invalid_client' || (error && /client_secret|client secret/i.test(`${description}`));
  if (wantsSecret && clientId && method === 'none') tell('client_authentication', 'refused', { clientId });
}

/**
 * The headers that matter for tokens that are bound to a key.
 * @param {string} endpoint @param {string} url @param {Answer} answer @param {Tell} tell
 */
function proofHeaders(endpoint, url, { isExposed }, tell) {
  const nonce = isExposed?.('dpop-nonce');
  tell('headers.dpop_nonce', nonce === undefined ? 'unknown' : nonce ? 'ok' : 'hidden', { endpoint, url });
  // Every server sends `Date`, so a page that does not see it cannot read it.
  tell('headers.date', isExposed?.('date') ? 'ok' : 'hidden', { endpoint, url });
}

/** @param {string} url @param {boolean} bound @param {Ask} ask @param {Tell} tell */
async function api(url, bound, ask, tell) {
  /** @type {Question} */
  const question = {
    url,
    method: 'HEAD',
    headers: { authorization: `${bound ? 'DPoP' : 'Bearer'} ${NOTHING}`, ...(bound && { dpop: NOTHING }) },
  };
  const answer = await ask(question);
  reach('api', question, answer, tell);
  if (answer.outcome !== 'read') return;
  if (answer.status === 401)
    tell('headers.www_authenticate', answer.isExposed?.('www-authenticate') ? 'ok' : 'hidden', {
      endpoint: 'api',
      url,
    });
  if (bound) proofHeaders('api', url, answer, tell);
}
