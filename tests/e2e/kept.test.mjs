/** Sessions that outlive the browser, with the refresh token on the device (`keep: 'device'`). */
import assert from 'node:assert/strict';
import { nothingKept, onDevice, stored } from '../support/device.mjs';
import { OPEN, codeOf } from '../support/open_app.mjs';
import { startProvider } from '../support/provider.mjs';
import { story } from '../support/stage.mjs';

const KEEPING = {
  ...OPEN,
  provider: (options) => startProvider({ ...options, bound: true }),
  config: { keep: 'device', dpop: 'required', restore: 'vault' },
};

const KEPT = { ...KEEPING, restarts: true, needs: 'profile' };

const CALL = "api + 'me'";

/** Signs out, and waits until the device keeps nothing: the end of a story searches for tokens everywhere. */
async function signOut(stage) {
  const { page } = stage;
  await page.run('async () => client.signOut({ everywhere: false })');
  await nothingKept(stage);
}

story(
  'KEEP-30 P0: the user is signed in after the browser was closed',
  { ...KEPT, homes: ['shared', 'dedicated', 'page'] },
  async (stage) => {
    const { provider } = stage;
    await stage.signIn();
    assert.equal(await codeOf(stage, CALL), '200');
    for (let restarts = 0; restarts < 2; restarts += 1) {
      await stored(stage);
      const before = provider.count('token');
      await stage.reopen();
      await stage.page.see('Signed in as alice');
      assert.equal(provider.count('authorization'), 1, 'no sign-in');
      assert.equal(await codeOf(stage, CALL), '200');
      assert.ok(provider.count('token') > before, 'the tokens were renewed');
    }
    await stored(stage);
    assert.deepEqual((await onDevice(stage))[1], ['refused'], 'no script can copy the key');
    await signOut(stage);
    await stage.reopen();
    await stage.page.see('Signed out');
  },
);

story(
  'KEEP-31 P0: a browser that stores no key for the worker keeps nothing',
  { ...KEEPING, differs: ['keys'] },
  async (stage) => {
    await stage.visit();
    if (!stage.lacks('keys')) return;
    const [code, hint] = await stage.page.run(
      `async () => client.signIn().catch((error) => [error.code, error.message + error.hint])`,
    );
    assert.equal(code, 'config_error');
    assert.match(hint, /keep/);
    assert.equal(stage.provider.count('pushed') + stage.provider.count('authorization'), 0, 'before the page leaves');
  },
);

story('KEEP-34 P0: a session that the provider has ended is gone from the device', KEPT, async (stage) => {
  await stage.signIn();
  await stored(stage);
  const { issuer, issued } = stage.provider;
  const body = new URLSearchParams({ token: issued.refreshToken, client_id: 'demo' });
  assert.equal((await fetch(`${issuer}/token/revocation`, { method: 'POST', body })).status, 200);
  await stage.reopen();
  await stage.page.see('Signed out');
  await nothingKept(stage);
});

story('KEEP-32 P0: a sign-out first of all leaves nothing, and revokes the token', KEPT, async (stage) => {
  await stage.signIn();
  await stored(stage);
  await stage.reopen('#sign-out');
  await stage.page.see('Signed out');
  await nothingKept(stage);
  await stage.page.until('the token is revoked', () => stage.provider.count('revocation') > 0);
  assert.equal(stage.provider.count('token'), 2, 'the token was not used for anything else');
});

story(
  'KEEP-40 P0: of two tabs that share no worker, one has the kept session',
  { ...KEEPING, homes: ['dedicated'] },
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn('alice', { shown: true });
    await stored(stage);
    const first = await page.driver.getWindowHandle();
    const second = await stage.browser.newTab();
    await stage.visit();
    await page.see('Signed out');
    await page.driver.switchTo().window(first);
    await page.run('async () => void (await client.refresh())');
    assert.equal(await codeOf(stage, CALL), '200');
    await page.driver.switchTo().window(second);
    await page.click('button', 'Sign in');
    await page.see('Signed in as alice');
    assert.equal(await codeOf(stage, CALL), '200');
    await page.driver.switchTo().window(first);
    assert.equal(await codeOf(stage, CALL), '200');
    assert.equal(
      provider.requests.filter(({ path, status }) => path === '/token' && status === 400).length,
      2,
      'a nonce for each tab',
    );
    await signOut(stage);
  },
);

story(
  'KEEP-41 P1: a guard, and a browser that was closed',
  { ...KEPT, guard: { keep: 'device', dpop: 'required' } },
  async (stage) => {
    await stage.signIn();
    await stored(stage);
    await stage.reopen();
    await stage.page.see('Signed in as alice');
    assert.equal(await codeOf(stage, CALL), '200');
    // In some engines, the next vault continues what the guard holds, which is a text.
    await stage.page.reload();
    await stage.page.see('Signed in as alice');
    assert.equal(await codeOf(stage, CALL), '200');
    assert.equal(stage.provider.count('authorization'), 1);
    await signOut(stage);
  },
);

story('KEEP-49 P1: a script that blocks the database keeps nothing from settling', KEEPING, async (stage) => {
  const { page } = stage;
  await stage.visit();
  const outcomes = await page.run(`async () => {
    const held = indexedDB.open('valet-key:device');
    await new Promise((done) => (held.onsuccess = done));
    const waiting = indexedDB.open('valet-key:device', 99); // for the end of the connection above
    const other = make({ account: 'second' });
    const code = ({ code }) => code;
    const started = await other.start().catch(code);
    const called = await other.fetch(api + 'me').catch(code);
    await other.signOut({ everywhere: false });
    const refused = await other.signIn().catch(code);
    held.result.close();
    await new Promise((done) => (waiting.onsuccess = done));
    waiting.result.close();
    return [started, called, refused];
  }`);
  assert.deepEqual(outcomes, [null, 'login_required', 'config_error']);
});
