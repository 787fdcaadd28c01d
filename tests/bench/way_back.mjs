/**
 * Milliseconds from the provider's redirect to the API's response, with every server far away, compared with minimal code that
 * does the same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { caller } from '../support/caller.mjs';
import { between } from '../support/distance.mjs';
import { pathOf } from '../support/loopback.mjs';
import { toConsent } from '../support/trips.mjs';
import { median } from './figure.mjs';
import { onGround } from './ground.mjs';

/** Milliseconds that each trip takes. */
export const TRIP = 50;
const TURNS = 5;

/** An app without a client: the code flow with PKCE, and one call; every script of the page can reach the tokens. */
const LEAST = `
  const { issuer, clientId: client_id, api: [api] } = await (await fetch('config.json')).json();
  const redirect_uri = location.origin + location.pathname;
  const text = (octets) => btoa(String.fromCharCode(...new Uint8Array(octets))).replace(/[+]/g, '-').replace(/[/]/g, '_').replace(/=/g, '');
  const at = (id) => document.getElementById(id);
  at('sign-in').onclick = async () => {
    const code_verifier = (sessionStorage.verifier = text(crypto.getRandomValues(new Uint8Array(32))));
    const code_challenge = text(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(code_verifier)));
    const query = { response_type: 'code', client_id, redirect_uri, scope: 'openid profile', code_challenge, code_challenge_method: 'S256' };
    location.assign(issuer + '/auth?' + new URLSearchParams(query));
  };
  const code = new URLSearchParams(location.search).get('code');
  at('state').textContent = 'Signed out';
  if (code) {
    const body = new URLSearchParams({ grant_type: 'authorization_code', code, client_id, redirect_uri, code_verifier: sessionStorage.verifier });
    const { access_token } = await (await fetch(issuer + '/token', { method: 'POST', body })).json();
    const { status } = await fetch(api + 'me', { headers: { authorization: 'Bearer ' + access_token } });
    at('state').textContent = 'Signed in as alice, ' + status;
  }
  at('sign-in').hidden = false;`;

/** The same flow with this minimal code. @type {import('../support/stage.mjs').StageOptions} */
export const MINIMAL = { ...caller(), scripts: { '/www/app.js': LEAST } };

/**
 * The apps by name, measured in turns; the first turn is a warm-up.
 * @template {string} Name
 * @param {Record<Name, import('../support/stage.mjs').StageOptions>} kinds @param {string} [engine]
 * @returns {Promise<Record<Name, number>>} the median of each, as the servers see it
 */
export async function wayBack(kinds, engine = 'chromium') {
  const names = Object.keys(kinds);
  const found = Object.fromEntries(names.map((name) => [name, []]));
  for (let turn = 0; turn <= TURNS; turn += 1) {
    for (const name of turn % 2 ? names : names.toReversed()) {
      const time = await onGround({ ...kinds[name], engine }, callbackTime);
      if (turn) found[name].push(time);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(found[name])]));
}

/** @param {import('../support/stage.mjs').Stage} stage */
async function callbackTime(stage) {
  await toConsent(stage);
  let from;
  let to;
  for (const name of ['site', 'provider', 'api']) {
    between(stage[name].server, (request, response) => {
      if (name === 'provider' && pathOf(request).startsWith('/auth/'))
        response.once('finish', () => (from = performance.now()));
      if (pathOf(request) === '/me' && request.method === 'GET' && name === 'api')
        response.once('finish', () => (to = performance.now()));
      return sleep(TRIP);
    });
  }
  await stage.consent();
  await stage.page.until('an answer of the API', () => to);
  return to - from;
}
