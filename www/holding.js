/** Which tokens the session has, as far as the session and the recorded steps tell. Pure. */
import { grantOf } from './words.js';

/** The grants that get tokens for the session of this page. */
const GRANTS = ['authorization_code', 'refresh_token'];

/**
 * @typedef {object} Holding
 * @property {string[]} opens the scope that was granted
 * @property {string[]} declined what was asked for and not granted
 * @property {string | undefined} tokenType `Bearer` or `DPoP`; `undefined` if no step of this tab tells
 * @property {boolean | undefined} canRefresh
 * @property {number | undefined} lifetime of an access token, in seconds
 * @property {string[]} resources for which the server was asked for a token of its own
 */

/**
 * @param {import('../pkg/index.d.ts').Session} session
 * @param {import('./grouping.js').Step[]} steps
 * @param {string} asked the scope that was asked for
 * @returns {Holding}
 */
export function holdingOf(session, steps, asked) {
  const signedOut = steps.findLastIndex(({ step }) => step === 'end_session' || step === 'revocation');
  const since = steps.slice(signedOut + 1);
  const requests = since.filter(({ step, message }) => step === 'token' && message === 'request');
  const responses = since.filter(
    (one) => one.step === 'token' && one.message === 'response' && one.outcome === 'ok' && isOurs(one, requests),
  );
  const last = responses.at(-1)?.parameters;
  const opens = words(session.scope);
  return {
    opens,
    declined: words(asked).filter((scope) => !opens.includes(scope)),
    tokenType: last?.token_type,
    canRefresh: last && responses.some(({ parameters }) => 'refresh_token' in parameters),
    lifetime: last?.expires_in === undefined ? undefined : Number(last.expires_in),
    resources: [...new Set(requests.map(({ parameters }) => parameters.resource).filter(Boolean))],
  };
}

function isOurs(response, requests) {
  const request = requests.find(({ page, exchange }) => page === response.page && exchange === response.exchange);
  return request && GRANTS.includes(grantOf(request));
}

const words = (text) => text.split(' ').filter(Boolean);
