/** An API of the tests: it checks the access token of each request, as RFC 6750 says, before the test's own handler responds. */

import { challenge, json } from './responses.js';

/** @typedef {import('./index.d.ts').ApiHandler} ApiHandler */

/** @type {ApiHandler} */
export const noHandler = ({ url }) =>
  json(
    { error: 'no_handler', message: `Pass a handler to \`provider.api\` that responds to ${new URL(url).pathname}.` },
    404,
  );

/**
 * @param {(token: string) => import('./index.d.ts').AccessToken | null} introspect @param {ApiHandler} handler
 * @param {Request} request @returns {Promise<Response>}
 */
export async function checked(introspect, handler, request) {
  const credentials = request.headers.get('authorization');
  if (!credentials) return challenge({});
  const token = introspect(/^Bearer ([\w.~+/-]+=*)$/i.exec(credentials)?.[1] ?? '');
  if (!token)
    return challenge({ error: 'invalid_token', error_description: 'The access token is unknown, expired or revoked.' });
  return handler(request, token);
}

/** @type {typeof import('./index.d.ts').insufficientScope} */
export const insufficientScope = (scope) => challenge({ error: 'insufficient_scope', scope }, 403);
