/** An API that asks for another sign-in: more scope, or a login that is new. */
import assert from 'node:assert/strict';
import { app } from '../support/app.mjs';
import { back, follow } from '../support/popups.mjs';
import { story } from '../support/stage.mjs';

const call = (path) => `client.fetch(config.api[0] + '${path}').then((response) => (globalThis.refusal = response))`;

const appThat = (stepUp) =>
  app({
    exposed: true,
    client: `scope: 'openid profile', ${stepUp ? `stepUp: '${stepUp}',` : ''}`,
    buttons: {
      Me: call('me'),
      Photos: call('photos'),
      More: "client.signIn({ mode: 'popup', ...refusal.stepUp })",
    },
  });

const using = (stepUp) => ({ scripts: appThat(stepUp) });

/** From here on the API refuses all tokens that the provider has issued by now, until the user has logged in again. */
function demandLogin({ api, provider }) {
  const known = new Set(provider.issued.accessTokens);
  api.settings.demand = (token) =>
    known.has(token) && { error: 'insufficient_user_authentication', acr_values: '', max_age: '0' };
}

/**
 * Makes a call with a click, which opens a popup for the sign-in. Returns whether the engine lets it: it may not take a popup after a request
 * for one of the click.
 */
async function opensPopup(stage, button, signIn, user = 'alice') {
  const { page } = stage;
  const before = await page.driver.getAllWindowHandles();
  await page.click('button', button);
  const hasOpened = async () => (await page.driver.getAllWindowHandles()).length > before.length;
  await page.until('a popup, or none', async () => (await hasOpened()) || /Told: 40[13]/.test(await page.text()));
  if (!(await hasOpened())) {
    // The app has what it needs for a click of its own.
    const [error, asked] = await page.run('async () => [refusal.stepUpError.code, refusal.stepUp]');
    assert.equal(error, 'popup_blocked');
    assert.ok(asked.scope || asked.maxAge === 0);
    const home = await follow(stage, 'More');
    await signIn();
    await back(stage, home);
    await page.see(`Told: ${user}`);
    return false;
  }
  const [home] = before;
  await page.driver.switchTo().window((await page.driver.getAllWindowHandles()).find((handle) => handle !== home));
  await signIn();
  await back(stage, home);
  return true;
}

story('PAR-20 P1: the response says which scope the API needs, and the app asks for it', using(), async (stage) => {
  const { page, provider, api } = stage;
  await stage.signIn();
  await page.click('button', 'Photos');
  await page.see('Told: 403');
  assert.equal(provider.count('authorization'), 1, 'nothing happens by itself');
  assert.equal(api.statuses().filter((status) => status === 403).length, 1);
  const home = await follow(stage, 'More');
  await stage.consent();
  await back(stage, home);
  await page.see('Told: alice');
  assert.match(provider.issued.authorizations.at(-1).scope, /openid profile photos/);
  await page.click('button', 'Photos');
  await page.see('Told: 200');
});

story(
  'PAR-17 P1: a call makes the sign-in for which the API asks, in a popup, and is sent again',
  { ...using('popup'), homes: ['shared', 'dedicated', 'page'] },
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    demandLogin(stage);
    if (!(await opensPopup(stage, 'Me', () => stage.login()))) return;
    await page.see('Told: 200');
    assert.equal(provider.issued.authorizations.at(-1).max_age, '0');
    assert.equal(provider.count('authorization'), 2);
    await opensPopup(stage, 'Photos', () => stage.consent());
    await page.see('Told: 200');
  },
);

story('PAR-18 P0: an API that asks again gets no second sign-in', using('popup'), async (stage) => {
  const { page, provider, api } = stage;
  await stage.signIn();
  api.settings.demand = () => ({ error: 'insufficient_user_authentication', max_age: '0' });
  const before = api.statuses().length;
  if (!(await opensPopup(stage, 'Me', () => stage.login()))) return;
  await page.see('Told: 401');
  assert.equal(provider.count('authorization'), 2);
  assert.deepEqual(api.statuses().slice(before), [401, 401]);
  assert.equal(provider.count('token'), 2, 'no renewal');
});

story(
  'PAR-54 P1: a call leaves the page for the sign-in, and the app calls again',
  using('redirect'),
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    demandLogin(stage);
    await page.click('button', 'Me');
    await stage.login();
    await page.see('Signed in as alice');
    await page.click('button', 'Me');
    await page.see('Told: 200');
    assert.equal(provider.count('authorization'), 2);
  },
);

story(
  'PAR-56 P0: an API that asks again after the page was left gets no second sign-in',
  using('redirect'),
  async (stage) => {
    const { page, provider, api } = stage;
    await stage.signIn();
    api.settings.demand = () => ({ error: 'insufficient_user_authentication', max_age: '0' });
    await page.click('button', 'Me');
    await stage.login();
    await page.see('Signed in as alice');
    await page.click('button', 'Me');
    await page.see('Told: 401');
    assert.equal(provider.count('authorization'), 2);
  },
);

story('PAR-57 P0: a call is not sent again as another user', using('popup'), async (stage) => {
  const { page, api } = stage;
  await stage.signIn();
  demandLogin(stage);
  if (!(await opensPopup(stage, 'Me', () => stage.login('bob').then(() => stage.consent()), 'bob'))) return;
  await page.see('Told: 401');
  assert.equal(api.statuses().filter((status) => status === 200).length, 0);
});

story('PAR-55 P1: an option that is neither `popup` nor `redirect` is refused', using('frame'), async (stage) => {
  await stage.signIn();
  await stage.page.click('button', 'Me');
  await stage.page.see('Told: config_error');
});
