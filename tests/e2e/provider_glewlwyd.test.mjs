/** Glewlwyd, a provider in C. */
import assert from 'node:assert/strict';
import { call, isSignedIn, signIn, storiesAt, told, visit } from '../support/at_provider.mjs';

const storyAt = storiesAt('glewlwyd');

storyAt(
  'glewlwyd: if the provider requires pushed authorization requests, the page stays and gets the error `unsupported`',
  { start: { pushed: true } },
  async (stage) => {
    const { page, provider, site } = stage;
    await visit(stage);
    assert.equal(await told(stage, 'client.signIn()'), 'unsupported');
    assert.equal(await page.url(), site.url);
    assert.equal(provider.count('authorization'), 0);
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
