/** Canaille, a provider in Python with Authlib. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, isSignedIn, logIn, signIn, storiesAt, told } from '../support/at_provider.mjs';

const storyAt = storiesAt('canaille');

// Its access tokens contain the time of issue in seconds, and its database refuses two equal tokens. It then sends an
// error response that a page cannot read.
storyAt('canaille: two renewals within one second fail and keep the user signed in', {}, async (stage) => {
  const { page, provider } = stage;
  await signIn(stage);
  const outcome = await page.run(`async () => {
    for (const end = Date.now() + 20_000; Date.now() < end;) {
      const code = await client.refresh().then(() => null, ({ code }) => code);
      if (code) return code;
    }
  }`);
  assert.equal(outcome, 'network_error');
  assert.ok(provider.requests.some(({ path, status }) => path === '/oauth/token' && status === 500));
  assert.equal(await told(stage, 'Promise.resolve(client.session.sub)'), 'alice');
  await sleep(provider.pause);
  assert.equal(await call(stage), 200, 'the call renews');
  await isSignedIn(stage);
});

storyAt(
  'IDT-13 P0: canaille: an ID Token without an audience signs no user in',
  { config: { clientId: 'unaddressed' } },
  async (stage) => {
    const { page } = stage;
    await stage.visit();
    await logIn(stage);
    await stage.provider.consent(page);
    await page.see('Told: id_token_invalid');
    await page.see('Signed out');
  },
);

storyAt(
  'canaille: a user whom the provider does not redirect back after signing out is signed out',
  { config: { idTokenHint: false } },
  async (stage) => {
    const { page, site } = stage;
    await signIn(stage);
    await page.run('async () => void client.signOut()');
    await page.click('button', 'Logout');
    await page.see('Sign in at Canaille');
    await page.goto(site.url);
    await page.see('Signed out');
  },
);
