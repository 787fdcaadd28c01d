/** Providers of other makers: canaille, two for Django, Doorkeeper, Glewlwyd and LemonLDAP::NG. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '../support/app.mjs';
import { OTHER_PROVIDERS } from '../support/other_providers.mjs';
import { story } from '../support/stage.mjs';

const scripts = app({
  client: "scope: config.scope ?? 'openid profile email'",
  then: 'Object.assign(globalThis, { client, api: config.api[0] });',
});

const at = (provider, more = {}) => ({ provider, scripts, ...more });

/** Opens the page, which says of the provider what no metadata say. */
async function visit(stage) {
  Object.assign(stage.site.settings.config, stage.provider.config);
  await stage.visit();
}

/** To the provider, where alice says who she is. */
async function logIn({ page, provider }) {
  await page.click('button', 'Sign in');
  await provider.login(page);
}

async function signIn(stage) {
  await visit(stage);
  await logIn(stage);
  await stage.provider.consent(stage.page);
  await isSignedIn(stage);
}

const isSignedIn = async ({ page, provider }) => {
  await page.see('Signed in as');
  if (provider.sub) assert.match(await page.run('async () => client.session.sub'), provider.sub);
};

/** What a promise in the page becomes: its value, or the code of its error. */
const told = ({ page }, expression) => page.run(`async () => (${expression}).catch(({ code }) => code)`);

const call = (stage) => told(stage, "client.fetch(api + 'me').then(({ status }) => status)");
const renew = (stage) => told(stage, "client.refresh().then(() => 'renewed')");

/** How many sign-ins were begun. Each may pass the same address more than once. */
const begun = ({ provider }) => new Set(provider.issued.authorizations.map(({ state }) => state)).size;

for (const [name, provider] of Object.entries(OTHER_PROVIDERS)) {
  story(`RT-01 UI-01 P0: ${name}: a sign-in, calls, renewals, and what is said of the user`, at(provider), async (stage) => {
    const { issued, pause, claims, rotates } = stage.provider;
    await signIn(stage);
    assert.equal(await call(stage), 200);
    if (claims) {
      const { name, email } = await told(stage, 'client.userinfo()');
      assert.deepEqual({ name, email }, claims);
    }
    for (const count of [2, 3]) {
      await sleep(pause);
      assert.equal(await renew(stage), 'renewed');
      assert.deepEqual([issued.accessTokens.size, issued.refreshTokens.size], [count, rotates ? count : 1]);
      assert.equal(await call(stage), 200);
    }
  });
}
