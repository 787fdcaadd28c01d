/** Popups that the provider's page separates from the app, popups that return late, and responses without `state`. */
import assert from 'node:assert/strict';
import { app } from '../support/app.mjs';
import { startHostile } from '../support/hostile.mjs';
import { back, follow } from '../support/popups.mjs';
import { story } from '../support/stage.mjs';

const POPUP = {
  everyEngine: true,
  provider: startHostile,
  scripts: app({
    buttons: { Popup: "client.signIn({ mode: 'popup' })", Leave: 'client.signOut()', Redirect: 'client.signIn()' },
  }),
};

/** Uses a worker of the tab: WebKit can lose a shared worker when it moves a popup to another process, see POP-13. */
const ISOLATED = { ...POPUP, homes: ['dedicated'] };

/** A provider whose second page isolates itself with COOP, as a page for a passkey or a wallet may do. */
function isolates({ provider }) {
  provider.change.instead = {
    '/authorize': (response, tell) => {
      const query = new URLSearchParams(provider.last('/authorize').query);
      const step = Number(query.get('step') ?? 1);
      if (step === 3) return tell();
      query.set('step', String(step + 1));
      const headers = step === 2 ? { 'cross-origin-opener-policy': 'same-origin' } : {};
      response.writeHead(200, { 'content-type': 'text/html', ...headers });
      return response.end(
        `<h1>Step ${step}</h1><a href="/authorize?${query.toString().replaceAll('&', '&amp;')}">Go on</a>`,
      );
    },
  };
}

/** Redirects the user back with an error and without `state`, as if the provider had not read the parameter. */
const refuses = ({ provider }, said) => {
  provider.change.instead = {
    '/authorize': (response) =>
      response.writeHead(302, { location: `${provider.last('/authorize').query.get('redirect_uri')}?${said}` }).end(),
  };
};

/**
 * Goes to the provider's page that separates the popup from the app. @returns {Promise<string[]>} the app's window and
 * the popup
 */
async function cutOff(stage) {
  const { page } = stage;
  isolates(stage);
  await stage.visit();
  const home = await follow(stage);
  await page.find('heading', 'Step 1');
  await page.click('link', 'Go on');
  await page.find('heading', 'Step 2');
  return [home, await page.driver.getWindowHandle()];
}

story(
  'POP-32 P1: a popup completes the sign-in although a later page of the provider separates it from the app',
  ISOLATED,
  async (stage) => {
    const { page, provider } = stage;
    const [home, popup] = await cutOff(stage);
    await page.driver.switchTo().window(home); // the user looks at the app for a moment
    await page.see('Signed out');
    await page.driver.switchTo().window(popup);
    await page.click('link', 'Go on');
    await back(stage, home);
    await page.see('Told: alice');
    await page.see('Signed in as alice');
    assert.equal(provider.count('/token'), 1);
  },
);

story('POP-33 P1: a second popup replaces one that seems closed', ISOLATED, async (stage) => {
  const { page } = stage;
  const [home] = await cutOff(stage);
  await page.driver.close();
  await page.driver.switchTo().window(home);
  await page.run(
    `async () => { globalThis.first = new Promise((told) => new MutationObserver(([{ target }]) => told(target.textContent)).observe(document.querySelector('p'), { childList: true })); }`,
  );
  await follow(stage);
  const second = await page.driver.getWindowHandle();
  await page.find('heading', 'Step 1');
  await page.driver.switchTo().window(home);
  assert.equal(await page.run('async () => first'), 'Told: popup_closed', 'the first sign-in');
  await page.driver.switchTo().window(second);
  await page.click('link', 'Go on');
  await page.find('heading', 'Step 2');
  await page.click('link', 'Go on');
  await back(stage, home);
  await page.see('Signed in as alice');
});

story('POP-34 P1: a popup that returns after the sign-in was cancelled closes itself', ISOLATED, async (stage) => {
  const { page, provider } = stage;
  const [home, popup] = await cutOff(stage);
  await page.driver.switchTo().window(home);
  await page.click('button', 'Leave');
  await page.until('the end of the wait', async () => /Told: (cancelled|undefined)/.test(await page.text()));
  await page.driver.switchTo().window(popup);
  await page.click('link', 'Go on');
  await back(stage, home);
  await page.see('Signed out');
  assert.equal(provider.count('/token'), 0);
});

story('CB-73 P1: in the window of a popup, a link of another flow without `state` is ignored', POPUP, async (stage) => {
  const { page, site } = stage;
  isolates(stage);
  site.settings.pages = ['/verify'];
  await stage.visit();
  const home = await follow(stage);
  await page.find('heading', 'Step 1');
  for (const said of ['code=of-an-e-mail', 'error=expired']) {
    await page.goto(`${site.origin}/verify?${said}`);
    await page.see('Signed out');
    assert.equal(await page.url(), `${site.origin}/verify?${said}`);
  }
  await page.driver.close();
  await page.driver.switchTo().window(home);
});

const SAID = 'error=access_denied&error_description=The+user+said+no';

story('POP-35 P1: an error without `state` ends the popup sign-in', POPUP, async (stage) => {
  const { page, provider } = stage;
  refuses(stage, SAID);
  await stage.visit();
  await page.click('button', 'Popup');
  await page.see('Told: authorization_error');
  await page.until('the end of the popup', async () => (await page.driver.getAllWindowHandles()).length === 1);
  await page.see('Signed out');
  assert.equal(provider.count('/token'), 0);
});

for (const [what, said, code] of [
  ['CB-68 P1: an error without `state` is reported while a sign-in is pending', SAID, 'authorization_error'],
  [
    'CB-69 P1: a code without `state` is refused while a sign-in is pending, and removed from the address',
    'code=c1',
    'state_mismatch',
  ],
]) {
  story(what, POPUP, async (stage) => {
    const { page, provider, site } = stage;
    refuses(stage, said);
    await stage.visit();
    await page.click('button', 'Redirect');
    await page.see(`Told: ${code}`);
    await page.see('Signed out');
    assert.equal(await page.url(), site.url);
    assert.equal(provider.count('/token'), 0);
    await page.goto(`${site.origin}/www/style.css`);
    await page.run('async () => sessionStorage.clear()');
    await page.goto(`${site.url}?${said}`);
    await page.see('Signed out');
    assert.equal(await page.url(), `${site.url}?${said}`, 'without a pending sign-in, the response is not ours');
  });
}
