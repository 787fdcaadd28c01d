/** Renewals that fail: a bad network does not end the session, and closing a tab ends no call of another tab. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '../support/app.mjs';
import { story } from '../support/stage.mjs';

const APP = {
  scripts: app({
    buttons: {
      Call: "client.fetch(config.api[0] + 'me')",
      Renew: 'client.refresh()',
      Leave: 'client.signOut({ everywhere: false })',
    },
  }),
};

const reasons = (page) =>
  page.run(
    "async () => events.map(([reason]) => reason).filter((reason) => reason !== 'vault' && reason !== 'callback')",
  );

story('RT-07 P0: closing a tab during its renewal does not affect other tabs', APP, async (stage) => {
  const { page, provider } = stage;
  const { driver } = page;
  await stage.signIn();
  const [first, second] = await stage.openBeside();
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

story(
  'RT-09 P0: after a lost refresh response, the next refresh ends the session with one event',
  APP,
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    provider.fail('lost', 'token');
    await page.click('button', 'Renew');
    await page.see('Told: network_error');
    await page.see('Signed in as alice');
    provider.recover();
    await sleep(2500); // longer than the pause after a failed renewal
    await page.click('button', 'Renew');
    await page.see('Told: session_ended');
    await page.see('Signed out');
    assert.deepEqual(
      (await reasons(page)).filter((reason) => reason === 'ended'),
      ['ended'],
    );
  },
);

story('RT-10 P0: a user who is offline stays signed in', APP, async (stage) => {
  const { page, provider } = stage;
  await stage.signInBriefly();
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

story('OUT-20 P1: a call that waits for a renewal is cancelled when another tab signs out', APP, async (stage) => {
  const { page, provider } = stage;
  const { driver } = page;
  await stage.signIn();
  const [first, second] = await stage.openBeside();
  const before = provider.count('token');
  provider.delay('token', 3000);
  await page.click('button', 'Renew');
  await page.until('the renewal', () => provider.count('token') > before);
  await driver.switchTo().window(first);
  await page.click('button', 'Leave');
  await page.see('Signed out');
  await driver.switchTo().window(second);
  await page.see(/Told: (cancelled|login_required)/);
  await page.see('Signed out');
});

story(
  'OUT-18 OUT-21 P0: after a sign-out, going back shows a signed-out page, and storage is empty',
  APP,
  async (stage) => {
    const { page, site } = stage;
    await stage.signIn();
    await page.goto(`${site.url}?next`);
    await page.see('Signed in as alice');
    await page.click('button', 'Leave');
    await page.see('Signed out');
    assert.deepEqual([...(await stage.keys('localStorage')), ...(await stage.keys('sessionStorage'))], []);
    await page.back();
    await page.see('Signed out');
    await page.click('button', 'Call');
    await page.see('Told: login_required');
  },
);

story(
  'OUT-10 OUT-11 OUT-12 P0: the user is signed out locally, whatever the result of the revocation',
  APP,
  async (stage) => {
    const { page, provider } = stage;
    for (const kind of ['invalid_grant', '500', 'unreachable', 'redirect', 'no_cors']) {
      if (kind === 'invalid_grant') await stage.signIn();
      else {
        await page.click('button', 'Sign in');
        // If a browser repeated the request on a broken connection, the grant was revoked after all.
        const asked = () => page.has('heading', 'Allow access?');
        await page.until(
          'the session, or a question',
          async () => (await asked()) || /Signed in as alice/.test(await page.text()),
        );
        if (await asked()) await stage.consent();
        await page.see('Signed in as alice');
      }
      const before = provider.count('revocation');
      provider.fail(kind, 'revocation');
      await page.click('button', 'Leave');
      await page.see('Signed out');
      await page.until('the revocation', async () => provider.count('revocation') > before);
      provider.recover();
      await page.see('Told: undefined'); // the sign-out is complete, and the page no longer changes
      // A browser may repeat a request on a broken connection by itself.
      assert.ok(provider.count('revocation') - before <= (kind === 'unreachable' ? 6 : 2), kind);
    }
  },
);
