/** The requests of a sign-in, a call and a reload, counted in sequential round trips. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { caller } from '../support/caller.mjs';
import { between } from '../support/distance.mjs';
import { pathOf } from '../support/loopback.mjs';
import { story } from '../support/stage.mjs';
import { beforeNavigation, callbackTrips, press, reloadTrips, toConsent } from '../support/trips.mjs';

/** Leaves out requests that a browser repeats although the file is cached, as WebKit does. */
const counted = (trips) => trips.filter(([first]) => first !== 'site GET /www/config.json');

const METADATA = 'provider GET /.well-known/openid-configuration';

for (const [label, preload] of [
  ['a click on “Sign in” leaves at once, because a signed-out page has already fetched the metadata', false],
  ['with `preload()` a click on “Sign in” leaves at once, too', true],
]) {
  story(label, caller({ preload }), async (stage) => {
    await stage.visit();
    await stage.page.until('the metadata', async () => stage.provider.count('discovery') > 0);
    assert.deepEqual(await beforeNavigation(stage), []);
    await stage.page.find('heading', 'Sign in');
  });
}

story(
  'from the redirect page to the first API response in four round trips',
  { ...caller(), differs: ['storing'] },
  async (stage) => {
    await toConsent(stage);
    assert.deepEqual(counted(await callbackTrips(stage)), [
      ['site GET /www/'],
      ...(stage.lacks('storing') ? [[METADATA]] : []),
      ['provider GET /jwks', 'provider POST /token'],
      ['api OPTIONS /me'],
      ['api GET /me'],
    ]);
    await stage.page.see('Signed in as alice, 200');
  },
);

story(
  'from the redirect page to the first response of a warm API in three round trips',
  { ...caller({ warm: true }), differs: ['storing'] },
  async (stage) => {
    await toConsent(stage);
    assert.deepEqual(counted(await callbackTrips(stage)), [
      ['site GET /www/'],
      ...(stage.lacks('storing')
        ? [
            ['api OPTIONS /me', METADATA],
            ['api HEAD /me', 'provider GET /jwks', 'provider POST /token'],
            ['api GET /me'],
          ]
        : [
            ['api OPTIONS /me', 'provider GET /jwks', 'provider POST /token'],
            ['api GET /me', 'api HEAD /me'],
          ]),
    ]);
    await stage.page.see('Signed in as alice, 200');
  },
);

story(
  'a warm API gets a HEAD request with a placeholder token before the token response',
  caller({ warm: true }),
  async (stage) => {
    const { page, provider, api } = stage;
    const asked = () => api.requests.map(({ method, path }) => `${method} ${path}`);
    const carried = [];
    between(api.server, ({ method, headers }) => void carried.push([method, headers.authorization]));
    let ahead;
    between(provider.server, async (request) => {
      if (pathOf(request) !== '/token') return;
      for (let waited = 0; waited < 30_000 && !asked().includes('HEAD /me'); waited += 50) await sleep(50);
      ahead = asked();
    });
    await toConsent(stage);
    await press(stage, 'Allow');
    await page.see('Signed in as alice, 200');
    assert.deepEqual(ahead, ['OPTIONS /me', 'HEAD /me'], 'before the token');
    assert.deepEqual(asked().slice(2), ['GET /me'], 'without another preflight');
    assert.deepEqual(
      carried.find(([method]) => method === 'HEAD'),
      ['HEAD', 'Bearer ahead'],
    );
    assert.equal(provider.count('token'), 1);
  },
);

story('without the `warm` option, no request is sent to an API in advance', caller(), async (stage) => {
  const { page, provider, api } = stage;
  let ahead;
  between(provider.server, async (request) => {
    if (pathOf(request) !== '/token') return;
    await sleep(2000);
    ahead = api.requests.length;
  });
  await toConsent(stage);
  await press(stage, 'Allow');
  await page.see('Signed in as alice, 200');
  assert.equal(ahead, 0);
  assert.deepEqual(
    api.requests.map(({ method }) => method),
    ['OPTIONS', 'GET'],
  );
});

story(
  'after a reload of the only tab, the provider gets no request, and the API responds in two round trips',
  { ...caller(), differs: ['lasting'] },
  async (stage) => {
    await toConsent(stage);
    await stage.consent();
    await stage.page.see('Signed in as alice, 200');
    if (stage.lacks('lasting')) {
      await stage.page.reload();
      await stage.page.see('Signed in as alice');
      return;
    }
    assert.deepEqual(await reloadTrips(stage), [['site GET /www/'], ['api GET /me']]);
    await stage.page.see('Signed in as alice, 200');
  },
);
