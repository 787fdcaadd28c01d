/** Renewals that meet trouble: nobody is signed out by a bad network, and no call is lost with the tab that began it. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '../support/app.mjs';
import { story } from '../support/stage.mjs';

const APP = {
  scripts: app({ buttons: { Call: "client.fetch(config.api[0] + 'me')", Renew: 'client.refresh()' } }),
};

const reasons = (page) => page.run("async () => events.map(([reason]) => reason).filter((reason) => reason !== 'vault' && reason !== 'callback')");

story('RT-07 P0: a tab that is closed while its renewal is under way takes nothing with it', APP, async (stage) => {
  const { browser, page, provider, site } = stage;
  const { driver } = page;
  await stage.signIn();
  const first = await driver.getWindowHandle();
  const second = await browser.newTab();
  await page.goto(site.url);
  await page.see('Signed in as alice');
  const before = provider.count('token');
  provider.delay('token', 2000);
  await driver.switchTo().window(first);
  await page.click('button', 'Renew');
  await page.until('the renewal', () => provider.count('token') > before);
  await driver.close();
  await driver.switchTo().window(second);
  await page.click('button', 'Call');
  await page.see('Told: 200');
  assert.equal(provider.count('token'), before + 1);
});

story('RT-09 P0: when the answer to a renewal is lost, the next one ends the session, told once', APP, async (stage) => {
  const { page, provider } = stage;
  await stage.signIn();
  provider.fail('lost', 'token');
  await page.click('button', 'Renew');
  await page.see('Told: network_error');
  await page.see('Signed in as alice');
  provider.recover();
  await sleep(2500); // longer than a renewal waits after one that failed
  await page.click('button', 'Renew');
  await page.see('Told: session_ended');
  await page.see('Signed out');
  assert.deepEqual((await reasons(page)).filter((reason) => reason === 'ended'), ['ended']);
});

story('RT-10 P0: who is offline stays signed in', { ...APP, accessTokenSeconds: 5 }, async (stage) => {
  const { page, provider } = stage;
  await stage.signIn();
  await sleep(6000);
  provider.fail('unreachable', 'token');
  for (let round = 0; round < 3; round += 1) {
    await page.click('button', 'Call');
    await page.see('Told: network_error');
  }
  await page.see('Signed in as alice');
  provider.recover();
  await sleep(2500);
  await page.click('button', 'Call');
  await page.see('Told: 200');
});
