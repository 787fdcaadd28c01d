/** Tabs without a shared worker: each tab has its own session, and all tabs learn of a sign-out or a change of user. */
import assert from 'node:assert/strict';
import { app } from '../support/app.mjs';
import { story } from '../support/stage.mjs';

const ALONE = { homes: ['dedicated', 'page'], scripts: app({ buttons: { Leave: 'client.signOut()' } }) };

const told = (page) =>
  page.run("async () => events.map(([reason]) => reason).filter((reason) => reason === 'signed_out')");

async function twoTabs(stage) {
  await stage.signIn();
  return stage.openBeside();
}

story(
  'a sign-out in one tab signs the other tabs out, with one event each, and ends their tokens',
  ALONE,
  async (stage) => {
    const { page, provider } = stage;
    const [first] = await twoTabs(stage);
    await page.driver.switchTo().window(first);
    await page.see('Signed in as alice');
    const before = provider.count('revocation');
    await page.driver.switchTo().window((await page.driver.getAllWindowHandles()).find((tab) => tab !== first));
    await page.click('button', 'Leave');
    await page.driver.switchTo().window(first);
    await page.see('Signed out');
    assert.deepEqual(await told(page), ['signed_out']);
    await page.until('the tokens of both', () => provider.count('revocation') >= before + 4);
  },
);

story('a sign-in of another user in one tab signs the other tabs out', ALONE, async (stage) => {
  const { page } = stage;
  const [first, second] = await twoTabs(stage);
  await page.driver.switchTo().window(second);
  await stage.forgetAtProvider();
  await page.click('button', 'Sign in');
  await stage.login('bob');
  await stage.consent();
  await page.see('Signed in as bob');
  await page.driver.switchTo().window(first);
  await page.see('Signed out');
  await page.driver.switchTo().window(second);
  await page.see('Signed in as bob');
});

story('OUT-22 P1: forged messages on the channel between tabs sign no user in', ALONE, async (stage) => {
  const { page, provider, site } = stage;
  await stage.visit();
  await page.run(
    `async (name) => {
    const channel = new BroadcastChannel(name);
    for (const message of ['alice', { event: 'signed_in', sub: 'alice' }, null, { session: { sub: 'alice' } }]) channel.postMessage(message);
  }`,
    `valet-key:${provider.issuer} demo`,
  );
  await page.see('Signed out');
  assert.equal(await page.url(), site.url);
  assert.equal(provider.count('token'), 0);
});
