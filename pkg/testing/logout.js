/** The end session endpoint (OpenID Connect RP-Initiated Logout §2): the user signs out at the provider, too. */

import { textPage } from './pages.js';
import { isLoopback, redirect } from './responses.js';

/** @param {import('./provider.js').Parts} parts @param {Request} request @returns {Promise<Response>} */
export async function endSession({ origin, settings, logins, grants }, request) {
  const { searchParams } = new URL(request.url);
  const given = request.method === 'POST' ? new URLSearchParams(await request.text()) : searchParams;
  const login = logins.of(request);
  logins.end(request);
  if (login) grants.end(({ sid }) => sid === login.sid);
  const target = given.get('post_logout_redirect_uri');
  if (!target) return textPage('Signed out', 'You are signed out at the test provider.');
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (!url || (!isLoopback(target) && ![origin, ...settings.origins].includes(url.origin)))
    return textPage('Signed out', 'The page to return to is neither on this machine nor in the option origins.', 400);
  const state = given.get('state');
  if (state) url.searchParams.set('state', state);
  return redirect(url.href);
}
