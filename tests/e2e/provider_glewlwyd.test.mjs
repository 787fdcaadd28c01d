/** Glewlwyd, a provider in C. */
import assert from 'node:assert/strict';
import { call, isSignedIn, signIn, storiesAt } from '../support/at_provider.mjs';

const storyAt = storiesAt('glewlwyd');

storyAt(
  'PAR-50 P0: glewlwyd: a user signs in if the provider requires pushed authorization requests',
  { start: { pushed: true } },
  async (stage) => {
    const { provider } = stage;
    await signIn(stage);
    assert.equal(provider.count('pushed'), 1);
    assert.ok(provider.issued.authorizations.every(({ request_uri, state }) => request_uri && !state));
    assert.equal(await call(stage), 200);
  },
);

storyAt('glewlwyd: a key that was replaced under the same key id is fetched once more', {}, async (stage) => {
  const { page, provider } = stage;
  await signIn(stage);
  await provider.replaceKey();
  await page.click('button', 'Sign in');
  await provider.again(page);
  await isSignedIn(stage);
  assert.equal(await page.run('async () => Boolean(globalThis.failure)'), false);
  assert.equal(await call(stage), 200);
});
