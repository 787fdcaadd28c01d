/** Providers of other makers: canaille, made with Authlib, and django-oauth-toolkit. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '../support/app.mjs';
import { startCanaille, startDjango } from '../support/python_providers.mjs';
import { story } from '../support/stage.mjs';

const PROVIDERS = { canaille: startCanaille, 'django-oauth-toolkit': startDjango };

/** @param {string} [client] further options of `createClient`, as source */
const scripts = (client = '') => app({ client: `scope: 'openid profile email', ${client}`, then: 'Object.assign(globalThis, { client, api: config.api[0] });' });

const at = (provider, more = {}) => ({ provider, scripts: scripts(), ...more });

/** To the provider, where alice says who she is. */
async function logIn({ page, provider }) {
  await page.click('button', 'Sign in');
  await provider.login(page);
}

async function signIn(stage) {
  await stage.visit();
  await logIn(stage);
  await stage.provider.consent(stage.page);
  await isSignedIn(stage);
}

const isSignedIn = ({ page, provider }) => page.see(`Signed in as ${provider.sub}`);

/** What a promise in the page becomes: its value, or the code of its error. */
const told = ({ page }, expression) => page.run(`async () => (${expression}).catch(({ code }) => code)`);

const call = (stage) => told(stage, "client.fetch(api + 'me').then(({ status }) => status)");
const renew = (stage) => told(stage, "client.refresh().then(() => 'renewed')");
const signInSilently = (stage) => told(stage, "client.signIn({ mode: 'silent' }).then(({ sub }) => sub)");

/** How many sign-ins were begun. Each may pass the same address more than once. */
const begun = ({ provider }) => new Set(provider.issued.authorizations.map(({ state }) => state)).size;

for (const [name, provider] of Object.entries(PROVIDERS)) {
  story(`RT-01 UI-01 P0: ${name}: a sign-in, calls, renewals, and what is said of the user`, at(provider), async (stage) => {
    const { issued, pause, sub } = stage.provider;
    await signIn(stage);
    assert.equal(await call(stage), 200);
    const user = await told(stage, 'client.userinfo()');
    assert.deepEqual([user.sub, user.name, user.email], [sub, 'Alice Liddell', 'alice@example.com']);
    for (const count of [2, 3]) {
      await sleep(pause);
      assert.equal(await renew(stage), 'renewed');
      assert.deepEqual([issued.accessTokens.size, issued.refreshTokens.size], [count, count]);
      assert.equal(await call(stage), 200);
    }
  });

  story(`${name}: the user says no`, at(provider), async (stage) => {
    const { page, site } = stage;
    await stage.visit();
    await logIn(stage);
    await stage.provider.deny(page);
    await page.see('Told: authorization_error');
    await page.see('Signed out');
    assert.equal(await page.url(), site.url);
  });
}

story('canaille: a reload asks nothing, nor does a frame', at(startCanaille, { differs: ['lasting'] }), async (stage) => {
  const { page, provider } = stage;
  await signIn(stage);
  await sleep(provider.pause);
  await page.reload();
  await stage.restored();
  assert.equal(begun(stage), stage.lacks('lasting') ? 2 : 1);
  assert.equal(await call(stage), 200);
  await sleep(provider.pause);
  assert.equal(await signInSilently(stage), 'alice');
  assert.equal(await call(stage), 200);
});

// A provider that fails where it is asked to do without a question: with an error of its own, and not in a frame.
story('POP-19 P1: django-oauth-toolkit: a silent sign-in times out, and what was there stays', at(startDjango), async (stage) => {
  await signIn(stage);
  assert.equal(await signInSilently(stage), 'timeout');
  assert.equal(await call(stage), 200);
});

story('django-oauth-toolkit: a reload asks once, and then waits for a click', at(startDjango, { differs: ['lasting'] }), async (stage) => {
  const { page, provider } = stage;
  await signIn(stage);
  await page.reload();
  if (stage.lacks('lasting')) {
    await page.see('Server Error (500)');
    await page.goto(stage.site.url);
    await page.see('Signed out');
    const tried = begun(stage);
    await page.reload();
    await page.see('Signed out');
    assert.equal(begun(stage), tried);
    await page.click('button', 'Sign in');
    await provider.consent(page);
  }
  await isSignedIn(stage);
  assert.equal(await call(stage), 200);
});

story('canaille: signing out is asked about there, and does without a revocation', at((options) => startCanaille({ ...options, trusted: ['localhost'] })), async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  await logIn(stage); // of a client that it trusts it does not ask whether it may
  await isSignedIn(stage);
  await leave(stage);
  const revocations = provider.requests.filter(({ method, path }) => method === 'POST' && path === '/oauth/revoke');
  assert.deepEqual([...new Set(revocations.map(({ status }) => status))], [401]);
  await logIn(stage);
  await isSignedIn(stage);
});

story('canaille: who is not sent back after signing out is signed out all the same', at(startCanaille), async (stage) => {
  const { page, provider, site } = stage;
  await signIn(stage);
  await page.run('async () => void client.signOut()');
  await provider.logout(page);
  await page.see('Sign in at Canaille');
  await page.goto(site.url);
  await page.see('Signed out');
});

story('django-oauth-toolkit: signing out is asked about there, and ends the tokens', at(startDjango), async (stage) => {
  const { page, provider } = stage;
  await signIn(stage);
  await leave(stage);
  assert.equal(await provider.introspect(provider.issued.accessToken), null);
  await logIn(stage);
  await provider.consent(page);
  await isSignedIn(stage);
});

/** Signs out here and at the provider, and comes back. The address has nothing of it only if the provider sent the user. */
async function leave(stage) {
  const { page, provider, site } = stage;
  await page.run('async () => void client.signOut()');
  await provider.logout(page);
  await page.see('Signed out');
  assert.equal(await page.url(), site.url);
  await page.reload();
  await page.see('Signed out');
  assert.equal(await call(stage), 'login_required');
}

// Its access tokens say when they were made, in seconds, and its database keeps no two that are equal. The answer then is
// one that a page cannot read.
story('canaille: two renewals within one second fail, and sign nobody out', at(startCanaille), async (stage) => {
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

story('IDT-13 P0: canaille: an ID Token for nobody signs nobody in', at(startCanaille, { config: { clientId: 'unaddressed' } }), async (stage) => {
  const { page } = stage;
  await stage.visit();
  await logIn(stage);
  await stage.provider.consent(page);
  await page.see('Told: id_token_invalid');
  await page.see('Signed out');
});
