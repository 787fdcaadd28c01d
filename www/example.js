/** A sign-in and a call as an example, drawn until this tab has steps of its own. */

const AS = 'https://id.example.com';

const message = (id, step, message, from, to, more) => ({
  id: -id,
  page: 0,
  step,
  message,
  exchange: more.exchange ?? id,
  from,
  to,
  outcome: message === 'request' ? 'sent' : 'ok',
  parameters: {},
  ...more,
});

const client = 'client';
const provider = 'authorization_server';
const api = 'resource_server';

/** @type {import('./grouping.js').Step[]} */
export const EXAMPLE = [
  message(1, 'authorization', 'request', client, provider, {
    navigates: true,
    url: `${AS}/authorize`,
    parameters: {
      response_type: 'code',
      client_id: 'my-page',
      redirect_uri: 'https://app.example.com/',
      scope: 'openid photos',
      state: null,
      code_challenge: null,
      code_challenge_method: 'S256',
    },
    spec: 'RFC 6749 §4.1.1',
  }),
  message(2, 'authorization', 'response', provider, client, {
    exchange: 1,
    navigates: true,
    parameters: { code: null, state: null, iss: AS },
    spec: 'RFC 6749 §4.1.2',
  }),
  message(3, 'token', 'request', client, provider, {
    method: 'POST',
    url: `${AS}/token`,
    parameters: { grant_type: 'authorization_code', code: null, code_verifier: null, client_id: 'my-page' },
    spec: 'RFC 6749 §4.1.3',
  }),
  message(4, 'token', 'response', provider, client, {
    exchange: 3,
    status: 200,
    parameters: { token_type: 'Bearer', expires_in: '120', scope: 'openid photos', access_token: null, id_token: null },
    spec: 'RFC 6749 §5.1',
  }),
  message(5, 'id_token', 'check', client, client, {
    parameters: { iss: AS, aud: 'my-page', nonce: null },
    spec: 'OpenID Connect Core §3.1.3.7',
  }),
  message(6, 'api', 'request', client, api, {
    method: 'GET',
    url: 'https://api.example.com/photos',
    parameters: { authorization: null },
    spec: 'RFC 6750 §2.1',
  }),
  message(7, 'api', 'response', api, client, { exchange: 6, status: 200, spec: 'RFC 6750 §2.1' }),
];
