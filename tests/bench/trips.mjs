/**
 * Round trips from the redirect page to the first response of an API, with every server far away, compared with minimal
 * code that does the same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { caller } from '../support/caller.mjs';
import { between } from '../support/distance.mjs';
import { pathOf } from '../support/loopback.mjs';
import { beforeNavigation, callbackTrips, reloadTrips, toConsent } from '../support/trips.mjs';
import { figure, median } from './figure.mjs';
import { onGround } from './ground.mjs';

/** Milliseconds that each trip takes. */
const TRIP = 50;
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

/** @returns {Promise<import('./figure.mjs').Figure[]>} */
export async function trips() {
  const before = await onGround(caller({ preload: true }), async (stage) => {
    await stage.visit();
    return (await beforeNavigation(stage)).length;
  });
  const counted = async (options, { reload = false } = {}) =>
    onGround(options, async (stage) => {
      await toConsent(stage);
      const there = await callbackTrips(stage);
      await stage.page.see('Signed in as alice');
      const again = reload ? await reloadTrips(stage) : [];
      return {
        there: there.length,
        again: again.length,
        provider: again.flat().filter((name) => name.startsWith('provider')).length,
      };
    });
  const native = await counted({ ...caller(), scripts: { '/www/app.js': LEAST } });
  const plain = await counted(caller(), { reload: true });
  const warm = await counted(caller({ warm: true }));
  const took = await timed();
  const against = { unit: 'ms', native: took.native, by: 'ratio' };
  return [
    figure({
      figure: 'requests between a click and the way to the provider',
      unit: '',
      ours: before,
      promise: { most: 0 },
    }),
    figure({
      figure: 'trips from the callback to an answer of the API',
      unit: '',
      ours: plain.there,
      native: native.there,
      promise: { most: 4 },
    }),
    figure({
      figure: '… where the API is warm',
      unit: '',
      ours: warm.there,
      native: native.there,
      promise: { most: 3 },
    }),
    figure({ figure: `… in time, with trips of ${TRIP} ms`, ours: took.plain, ...against }),
    figure({ figure: '… in time, where the API is warm', ours: took.warm, ...against }),
    figure({ figure: '… in time, through the guard', ours: took.guarded, ...against }),
    figure({
      figure: 'trips from a reload of the only tab to an answer',
      unit: '',
      ours: plain.again,
      promise: { most: 2 },
    }),
    figure({ figure: '… of them to the provider', unit: '', ours: plain.provider, promise: { most: 0 } }),
  ];
}

/**
 * Milliseconds from the provider's redirect to the API's response, as the servers see it, in turns. The first one is a
 * warm-up.
 */
async function timed() {
  const kinds = Object.entries({
    native: { ...caller(), scripts: { '/www/app.js': LEAST } },
    plain: caller(),
    warm: caller({ warm: true }),
    guarded: { ...caller(), guard: { scope: 'openid profile' } },
  });
  const found = { native: [], plain: [], warm: [], guarded: [] };
  for (let turn = 0; turn <= TURNS; turn += 1) {
    for (const [kind, options] of turn % 2 ? kinds : kinds.toReversed()) {
      const time = await onGround(options, callbackTime);
      if (turn) found[kind].push(time);
    }
  }
  return Object.fromEntries(Object.entries(found).map(([kind, times]) => [kind, median(times)]));
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
