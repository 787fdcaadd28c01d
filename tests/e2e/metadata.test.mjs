/** What the way back costs where the vault is new and has to know the provider again: metadata come through the HTTP cache. */
import assert from 'node:assert/strict';
import { attacked, call, outcome, thereAndBack, visit } from '../support/attacker.mjs';
import { answers } from '../support/hostile.mjs';
import { story } from '../support/stage.mjs';

const WELL_KNOWN = '/.well-known/openid-configuration';

/** A page that may ask the provider itself, as one with a looser policy lets its scripts do. */
const OPEN = { page: "default-src 'self' http://localhost:* data:; frame-ancestors 'self'" };

/** Each page has a vault of its own, which knows nothing when the page comes back. */
const APP = { ...attacked("restore: 'vault',"), homes: ['dedicated'] };

const stored = { instead: { [WELL_KNOWN]: answers.stored } };

/**
 * How often the provider is asked for its metadata before the page leaves, as soon as that knows that nobody is signed in, and on
 * the way back. `from` is the first request that counts.
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
  'DISC-50 P1: where metadata may be stored, the way back asks for none',
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

story('DISC-51 P1: where metadata may not be stored, the way back to a new vault asks once', APP, async (stage) => {
  await visit(stage);
  assert.deepEqual(await asked(stage, 0), { before: 1, back: 1 });
});

story(
  'DISC-52 P0: before the page leaves, stored metadata are not believed without a question',
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
    assert.ok(provider.last('/token').query.has('moved'), 'the way back goes by what was answered last');
  },
);

story(
  'DISC-53 P0: a stored response that cannot be read is asked for once more',
  { ...APP, policies: OPEN },
  async (stage) => {
    const { page, provider } = stage;
    provider.change = stored;
    await visit(stage);
    assert.equal(await outcome(stage, 'client.preload()'), 'ok');
    // A request without CORS stores a response that lacks the headers with which a worker may read it.
    await page.run(
      "async (url) => void (await fetch(url, { mode: 'no-cors', cache: 'reload' }))",
      provider.issuer + WELL_KNOWN,
    );
    assert.deepEqual(await asked(stage), { before: 0, back: 1 });
  },
);
