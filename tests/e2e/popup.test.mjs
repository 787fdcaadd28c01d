/** Sign-in in a popup: the page stays loaded, and storage stays empty. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '../support/app.mjs';
import { back, follow } from '../support/popups.mjs';
import { startSite } from '../support/site.mjs';
import { story } from '../support/stage.mjs';

const POPUP = {
  scripts: app({
    buttons: {
      Popup: "client.signIn({ mode: 'popup' })",
      'Popup twice':
        "Promise.all([client.signIn({ mode: 'popup' }), client.signIn({ mode: 'popup' })]).then(([, session]) => session)",
      Call: "client.fetch(config.api[0] + 'me')",
      Leave: 'client.signOut()',
    },
  }),
};

async function signInThere(stage) {
  const home = await follow(stage);
  await stage.login();
  await stage.consent();
  await back(stage, home);
  await stage.page.see('Signed in as alice');
}

story('a popup signs in, and the page stays loaded', POPUP, async (stage) => {
  const { page, site } = stage;
  await stage.visit();
  await page.run('async () => { globalThis.stayed = true; history.pushState(null, "", "#/here"); }');
  await signInThere(stage);
  assert.equal(await page.run('async () => globalThis.stayed'), true);
  assert.equal(await page.url(), `${site.url}#/here`);
  await page.see('Told: alice');
  await page.click('button', 'Call');
  await page.see('Told: 200');
  assert.deepEqual(await stage.keys('sessionStorage'), []);
  assert.deepEqual(
    await page.run('async () => events.map(([what]) => what)'),
    ['vault', 'signed_in', 'callback'],
    'one event',
  );
});

// WebKitGTK may end the shared worker of a page with this policy when its popup goes to another page. The sign-in of
// the popup is then lost. The page gets an error, and a sign-in by redirect works.
story(
  'POP-13 P1: a popup of a page with a Cross-Origin-Opener-Policy signs in, unless the browser ends the vault',
  { ...POPUP, headers: { 'cross-origin-opener-policy': 'same-origin' }, differs: ['lasting'] },
  async (stage) => {
    const { page } = stage;
    await stage.visit();
    const home = await follow(stage);
    await stage.login();
    await stage.consent();
    await back(stage, home);
    await page.see('Told: ');
    const isVaultLost = /Told: unexpected/.test(await page.text());
    if (isVaultLost)
      await page.until('the event', () => page.run("async () => events.some(([what]) => what === 'restarted')"));
    // A browser that keeps a shared worker without any page does not end it under a page.
    const mayEnd = stage.lacks('lasting');
    assert.ok(!isVaultLost || mayEnd, 'the vault was lost, and not by the browser');
    await page.see(isVaultLost ? 'Told: unexpected' : 'Told: alice');
    if (isVaultLost) await page.click('button', 'Sign in');
    await page.see('Signed in as alice');
  },
);

story('a popup signs in without shared workers', { ...POPUP, homes: ['dedicated'] }, async (stage) => {
  await stage.visit();
  await signInThere(stage);
  await stage.page.see('Told: alice');
  assert.deepEqual(await stage.keys('sessionStorage'), []);
});

story('STORE-01 P0: an open popup leaves nothing in storage', POPUP, async (stage) => {
  const { page } = stage;
  await stage.visit();
  const home = await follow(stage);
  await page.find('heading', 'Sign in');
  await page.driver.switchTo().window(home);
  assert.deepEqual(await stage.keys('sessionStorage'), []);
  assert.deepEqual(await stage.keys('localStorage'), []);
});

// The library keeps the platform's `open` from the moment it loads, so the test replaces it earlier.
story(
  'POP-08 P0: a blocked popup rejects at once with `popup_blocked`',
  { ...POPUP, attack: 'window.open = () => null;' },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    await page.click('button', 'Popup');
    await page.see('Told: popup_blocked');
    assert.equal(provider.count('authorization'), 0);
    assert.deepEqual(await stage.keys('sessionStorage'), []);
  },
);

story(
  'POP-10 P1: a popup that the user closes rejects with `popup_closed`, and the next one works',
  POPUP,
  async (stage) => {
    const { page } = stage;
    await stage.visit();
    const home = await follow(stage);
    await page.find('heading', 'Sign in');
    await sleep(500); // a user does not close a window in its first moment
    await page.driver.close();
    await page.driver.switchTo().window(home);
    await page.see('Told: popup_closed', 20_000); // at once in engines that give the page a focus event
    await page.see('Signed out');
    await signInThere(stage);
  },
);

story('a sign-in that the user refuses in a popup rejects with `authorization_error`', POPUP, async (stage) => {
  const { page } = stage;
  await stage.visit();
  const home = await follow(stage);
  await stage.login();
  await stage.deny();
  await back(stage, home);
  await page.see('Told: authorization_error');
  await page.see('Signed out');
});

story('POP-15 P1: each of two simultaneous popups gets its own response', POPUP, async (stage) => {
  const { page } = stage;
  const { driver } = page;
  await stage.visit();
  await signInThere(stage); // the provider knows the user from here on
  const home = await driver.getWindowHandle();
  await page.click('button', 'Popup twice');
  await page.until('both popups to close', async () => (await driver.getAllWindowHandles()).length === 1);
  await driver.switchTo().window(home);
  await page.see('Told: alice');
  assert.equal(stage.provider.count('authorization'), 3);
});

story('OUT-17 P1: a sign-out cancels the popup sign-in', POPUP, async (stage) => {
  const { page } = stage;
  await stage.visit();
  const home = await follow(stage);
  await page.find('heading', 'Sign in');
  await page.driver.switchTo().window(home);
  const outcome = await page.run(`async () => {
    const button = (name) => [...document.querySelectorAll('button')].find((button) => button.textContent === name);
    const told = new Promise((resolve) => new MutationObserver(() => resolve(document.body.innerText)).observe(document.querySelector('p'), { childList: true }));
    button('Leave').click();
    return told;
  }`);
  assert.match(outcome, /Told: cancelled/);
});

story('POP-18 P1: a popup whose opener has left closes itself, and stores and sends nothing', POPUP, async (stage) => {
  const { page, provider, site } = stage;
  const { driver } = page;
  await stage.visit();
  const home = await follow(stage);
  const popup = await driver.getWindowHandle();
  await page.find('heading', 'Sign in');
  await driver.switchTo().window(home);
  await page.goto('about:blank');
  await driver.switchTo().window(popup);
  await stage.login();
  await stage.consent();
  await back(stage, home);
  assert.equal(provider.count('token'), 0);
  await page.goto(site.url);
  await page.see('Signed out');
  assert.deepEqual(await stage.keys('sessionStorage'), []);
});

story('POP-06 P0: a popup response without a waiting page is ignored', POPUP, async (stage) => {
  const { page, provider, site } = stage;
  await stage.visit();
  await page.goto(`${site.url}?code=c&state=vk.x.w`);
  await page.see('Signed out');
  assert.equal(await page.url(), site.url);
  assert.equal(provider.count('token'), 0);
});

story(
  'POP-03 POP-27 P0: any number of forged responses is ignored, and the sign-in continues',
  POPUP,
  async (stage) => {
    const { page, provider } = stage;
    const { driver } = page;
    await stage.visit();
    const home = await follow(stage);
    await page.find('heading', 'Sign in');
    const popup = await driver.getWindowHandle();
    await driver.switchTo().window(home);
    await page.run(`async () => {
    for (const name of ['valet-key', 'valet-key:', 'valet-key:vk.x.w']) {
      const channel = new BroadcastChannel(name);
      for (const message of ['code=c&state=vk.x.w', { query: 'code=c&state=vk.x.w' }, null]) channel.postMessage(message);
      for (let round = 0; round < 33333; round += 1) channel.postMessage('code=c&state=vk.x.w');
      channel.close();
    }
    for (const message of ['code=c&state=vk.x.w', { type: 'authorization_response', code: 'c', state: 'vk.x.w' }]) window.postMessage(message, '*');
  }`);
    await driver.switchTo().window(popup);
    await stage.login();
    await stage.consent();
    await back(stage, home);
    await page.see('Signed in as alice');
    assert.equal(provider.count('token'), 1);
  },
);

story(
  'POP-01 POP-02 POP-04 P0: messages from other windows and origins are not accepted as a response',
  {
    ...POPUP,
    policies: { page: "default-src 'self'; frame-src http:; img-src 'self' data:; frame-ancestors 'self'" },
  },
  async (stage) => {
    const { page, provider } = stage;
    const { driver } = page;
    const sites = [];
    try {
      for (const host of ['127.0.0.1', 'localhost']) {
        sites.push(
          await startSite({
            host,
            policies: { page: 'default-src http:; frame-ancestors *' },
            headers: { 'access-control-allow-origin': '*' }, // a sandboxed page has another origin than its script
            scripts: {
              '/www/app.js': `
        const { state } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
        for (const message of ['code=c&state=' + state, { type: 'authorization_response', code: 'c', state }, { state, query: 'code=c&state=' + state }]) parent.postMessage(message, '*');
        new BroadcastChannel('valet-key:' + state).postMessage('code=c&state=' + state);
        parent.postMessage('done', '*');
      `,
            },
          }),
        );
      }
      await stage.visit();
      const home = await follow(stage);
      await page.find('heading', 'Sign in');
      const popup = await driver.getWindowHandle();
      await driver.switchTo().window(home);
      const state = [...provider.issued.states].at(-1);
      const origins = await page.run(
        `async (urls) => {
      const origins = [];
      const all = new Promise((done) => addEventListener('message', ({ data, origin }) => data === 'done' && origins.push(origin) === urls.length * 2 && done()));
      for (const url of urls) {
        for (const sandbox of [undefined, 'allow-scripts']) {
          const frame = document.createElement('iframe');
          if (sandbox) frame.sandbox = sandbox;
          frame.src = url;
          document.body.append(frame);
        }
      }
      await all;
      return origins.sort();
    }`,
        sites.map(({ url }) => `${url}#state=${state}`),
      );
      assert.deepEqual(
        origins,
        [...sites.map(({ origin }) => origin), 'null', 'null'].sort(),
        'each frame has posted its message',
      );
      await driver.switchTo().window(popup);
      await stage.login();
      await stage.consent();
      await back(stage, home);
      await page.see('Signed in as alice');
      assert.equal(provider.count('token'), 1);
    } finally {
      await Promise.all(sites.map((site) => site.close()));
    }
  },
);

for (const [what, code, answer] of [
  ['without iss', 'iss_mismatch', 'code=c&state='],
  ['with another iss', 'iss_mismatch', 'iss=https%3A%2F%2Fevil.test&code=c&state='],
  ['with two codes', 'duplicate_parameter', 'code=c&code=d&state='],
]) {
  story(`POP-17 P0: in a popup, too, a response ${what} is refused`, POPUP, async (stage) => {
    const { page, provider } = stage;
    const { driver } = page;
    await stage.visit();
    const home = await follow(stage);
    await page.find('heading', 'Sign in');
    await driver.switchTo().window(home);
    await page.run(
      'async (state, answer) => void new BroadcastChannel("valet-key:" + state).postMessage(location.href + "?" + answer + state)',
      [...provider.issued.states].at(-1),
      answer,
    );
    await page.see(`Told: ${code}`);
    await page.see('Signed out');
    assert.equal(provider.count('token'), 0);
  });
}
