/** What is played at each provider of another maker, and what the stories at one of them need. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from './app.mjs';
import { OTHER_PROVIDERS } from './other_providers.mjs';
import { story } from './stage.mjs';

const scripts = app({
  client: "scope: config.scope ?? 'openid profile email'",
  exposed: true,
});

const at = (provider, more = {}) => ({ provider, scripts, everyEngine: true, ...more });

/** Opens the page, which says of the provider what no metadata say. */
export async function visit(stage) {
  Object.assign(stage.site.settings.config, stage.provider.config);
  await stage.visit();
}

/** To the provider, where alice says who she is. */
export async function logIn({ page, provider }) {
  await page.click('button', 'Sign in');
  await provider.login(page);
}

export async function signIn(stage) {
  await visit(stage);
  await logIn(stage);
  await stage.provider.consent(stage.page);
  await isSignedIn(stage);
}

export async function isSignedIn(stage) {
  await stage.page.see('Signed in as');
  const sub = await told(stage, 'Promise.resolve(client.session.sub)');
  if (stage.provider.sub) assert.match(sub, stage.provider.sub);
}

/** What a promise in the page becomes: its value, or the code of its error. */
export async function told({ page }, expression) {
  await page.until('the app', () => page.run('async () => Boolean(globalThis.client)'));
  return page.run(`async () => (${expression}).catch(({ code }) => code)`);
}

export const call = (stage) => told(stage, "client.fetch(api + 'me').then(({ status }) => status)");
const renew = (stage) => told(stage, "client.refresh().then(() => 'renewed')");

export async function isRefused({ page, site }) {
  await page.see('Told: authorization_error');
  await page.see('Signed out');
  assert.equal(await page.url(), site.url);
}

/** How many sign-ins were begun. Each may pass the same address more than once, also without its `state`. */
const begun = ({ provider }) => new Set(provider.issued.authorizations.flatMap(({ state }) => state ?? [])).size;

/**
 * Plays at one provider what is played at each, unless it is left out of `VALET_KEY_PROVIDERS`.
 * @param {string} name
 * @returns {(title: string, more: object, play: Parameters<typeof story>[2]) => void} tells one more story there; `start` of
 *   `more` is what the provider is started with
 */
export function storiesAt(name) {
  const provider = OTHER_PROVIDERS[name];
  if (!provider) return () => {};
  common(name, provider);
  return (title, { start = {}, ...more }, play) =>
    story(
      title,
      at((options) => provider({ ...options, ...start }), more),
      play,
    );
}

function common(name, provider) {
  story(
    `RT-01 UI-01 P0: ${name}: a sign-in, calls, renewals, what is said of the user, and one more login`,
    at(provider),
    async (stage) => {
      const { again, claims, fresh, issued, pause, renewLogin, rotates, sub } = stage.provider;
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
      if (!sub) return; // plain OAuth 2 has no `prompt`
      await sleep(Math.max(pause, fresh));
      await stage.page.run("async () => void client.signIn({ prompt: 'login' })");
      await renewLogin(stage.page);
      await again?.(stage.page);
      await isSignedIn(stage);
      assert.ok(issued.codes.size > 1, 'a sign-in of its own');
      assert.ok(issued.authorizations.some(({ prompt }) => prompt === 'login'));
      assert.ok(
        issued.authorizations.every(({ max_age }) => max_age === undefined),
        'nor is anything sent that was not asked for',
      );
    },
  );

  story(`${name}: a reload where the tokens are gone`, at(provider, { homes: ['dedicated'] }), async (stage) => {
    const {
      page,
      site,
      provider: { pause, silence, again },
    } = stage;
    await signIn(stage);
    await sleep(pause);
    await page.reload();
    if (silence === 'code') {
      await isSignedIn(stage);
      assert.equal(begun(stage), 2);
      assert.equal(await call(stage), 200);
      return;
    }
    await page.see('Signed out');
    assert.equal(await page.url(), site.url, 'the user stays on the page');
    const tried = silence ? 2 : 1; // in plain OAuth 2 there is no `prompt=none`
    assert.equal(begun(stage), tried);
    if (silence === 'refusal')
      assert.ok(await page.run("async () => events.some(([, outcome]) => outcome === 'declined')"));
    await page.reload();
    await page.see('Signed out');
    assert.equal(begun(stage), tried, 'what failed once is not tried at each load');
    await page.click('button', 'Sign in');
    await again?.(page);
    await isSignedIn(stage);
  });

  story(`${name}: the user says no, then yes, signs out there, and comes back`, at(provider), async (stage) => {
    const { page, provider, site } = stage;
    await visit(stage);
    await logIn(stage);
    if (provider.deny) {
      await provider.deny(page);
      await isRefused(stage);
      await page.click('button', 'Sign in');
    }
    await provider.consent(page);
    await isSignedIn(stage);
    const { accessToken } = provider.issued;
    await page.run("async () => void client.signOut().then(() => localStorage.setItem('resolved', 'yes'))");
    const resolved = () => page.run("async () => localStorage.getItem('resolved')");
    if (provider.leaves) {
      await provider.logout?.(page);
      await page.until('the way back', () =>
        page.run("async () => globalThis.events?.some(([reason, confirmed]) => reason === 'signed_out' && confirmed)"),
      );
      assert.equal(await resolved(), null);
    } else {
      await page.until('the end of the sign-out', async () => (await resolved()) === 'yes');
    }
    await page.see('Signed out');
    assert.equal(await page.url(), site.url);
    assert.equal((await provider.introspect(accessToken)) === null, provider.endsTokens);
    assert.equal(await call(stage), 'login_required');
    if (provider.leaves) await logIn(stage);
    else await page.click('button', 'Sign in');
    await provider.again?.(page);
    await isSignedIn(stage);
  });
}
