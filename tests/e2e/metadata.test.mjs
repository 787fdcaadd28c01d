/** Metadata requests of a new vault after the redirect back: the HTTP cache can spare them. */
import assert from 'node:assert/strict';
import { attacked, call, outcome, thereAndBack, visit } from '../support/attacker.mjs';
import { answers } from '../support/hostile.mjs';
import { story } from '../support/stage.mjs';

const WELL_KNOWN = '/.well-known/openid-configuration';

/** The policy of a page that may send requests to the provider itself. */
const OPEN = { page: "default-src 'self' http://localhost:* data:; frame-ancestors 'self'" };

/** Each page has its own vault, which is empty when the page returns from the provider. */
const APP = { ...attacked("restore: 'vault',"), homes: ['dedicated'] };

const stored = { instead: { [WELL_KNOWN]: answers.stored } };

/**
 * How often the provider's metadata are requested before the page leaves, as soon as the page knows that no user is
 * signed in, and after the redirect back. `from` is the first request that counts.
 */
async function asked(stage, from = stage.provider.requests.length) {
  const { provider } = stage;
  assert.equal(await outcome(stage, 'client.preload()'), 'ok');
  await thereAndBack(stage);
  const places = provider.requests.slice(from).map(({ place }) => place);
  const left = places.indexOf('/authorize');
  const count = (some) => some.filter((place) => place === WELL_KNOWN).length;
  assert.equal(await call(stage), 200);
  return { before: count(places.slice(0, left)), back: count(places.slice(left)) };
}

story(
  'DISC-50 P1: after the redirect back, stored metadata need no request',
  { ...APP, differs: ['storing'] },
  async (stage) => {
    stage.provider.change = stored;
    await visit(stage);
    const first = await asked(stage, 0);
    const second = await asked(stage);
    const back = stage.lacks('storing') ? 1 : 0;
    assert.deepEqual([first, second.back], [{ before: 1, back }, back]);
  },
);

story(
  'DISC-51 P1: if metadata must not be stored, a new vault requests them once after the redirect back',
  APP,
  async (stage) => {
    await visit(stage);
    assert.deepEqual(await asked(stage, 0), { before: 1, back: 1 });
  },
);

story(
  'DISC-52 P0: stored metadata are revalidated before the page leaves',
  { ...APP, differs: ['storing'] },
  async (stage) => {
    const { page, provider, site } = stage;
    provider.change = stored;
    await visit(stage);
    assert.equal(await outcome(stage, 'client.preload()'), 'ok');
    await page.goto(`${site.origin}/www/style.css`);
    provider.change = {
      metadata: (honest) => ({ ...honest, token_endpoint: `${honest.issuer}/token?moved` }),
      ...stored,
    };
    const from = provider.requests.length;
    await stage.visit();
    assert.deepEqual(await asked(stage, from), { before: 1, back: stage.lacks('storing') ? 1 : 0 });
    assert.ok(provider.last('/token').query.has('moved'), 'after the redirect back, the latest metadata are used');
  },
);

story('DISC-53 P0: an unreadable stored response is requested once more', { ...APP, policies: OPEN }, async (stage) => {
  const { page, provider } = stage;
  provider.change = stored;
  await visit(stage);
  assert.equal(await outcome(stage, 'client.preload()'), 'ok');
  // A request without CORS stores a response without the headers that let a worker read it.
  await page.run(
    "async (url) => void (await fetch(url, { mode: 'no-cors', cache: 'reload' }))",
    provider.issuer + WELL_KNOWN,
  );
  assert.deepEqual(await asked(stage), { before: 0, back: 1 });
});
