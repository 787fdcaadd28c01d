/** The stories that are played at each third-party provider, and helpers for the stories of one of them. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from './app.mjs';
import { OTHER_PROVIDERS } from './other_providers.mjs';
import { story } from './stage.mjs';

const scripts = app({
  client: "scope: config.scope ?? 'openid profile email'",
  exposed: true,
});

const at = (provider, more = {}) => ({ provider, scripts, ...more });

/** Opens the page, whose configuration holds what the provider's metadata lack. */
export async function visit(stage) {
  Object.assign(stage.site.settings.config, stage.provider.config);
  await stage.visit();
}

/** Goes to the provider, where alice logs in. */
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

/** The outcome of a promise in the page: its value, or the code of its error. */
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

/** How many sign-ins began. Each may request the same address more than once, also without its `state`. */
const begun = ({ provider }) => new Set(provider.issued.authorizations.flatMap(({ state }) => state ?? [])).size;

/**
 * Plays the common stories at one provider, unless `VALET_KEY_PROVIDERS` leaves it out.
 * @param {string} name
 * @returns {(title: string, more: object, play: Parameters<typeof story>[2]) => void} adds one more story; `start` of
 *   `more` is passed to the provider
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
    `RT-01 UI-01 P0: ${name}: a sign-in, calls, renewals, UserInfo and another login`,
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
      assert.ok(issued.codes.size > 1, 'a separate sign-in');
      assert.ok(issued.authorizations.some(({ prompt }) => prompt === 'login'));
      assert.ok(
        issued.authorizations.every(({ max_age }) => max_age === undefined),
        'no `max_age` is sent that was not requested',
      );
    },
  );

  story(`${name}: a reload after the tokens are lost`, at(provider, { homes: ['dedicated'] }), async (stage) => {
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
    assert.equal(await page.url(), site.url, 'the page stays');
    const tried = silence ? 2 : 1; // in plain OAuth 2 there is no `prompt=none`
    assert.equal(begun(stage), tried);
    if (silence === 'refusal')
      assert.ok(await page.run("async () => events.some(([, outcome]) => outcome === 'declined')"));
    await page.reload();
    await page.see('Signed out');
    assert.equal(begun(stage), tried, 'a failed silent sign-in is not tried at each load');
    await page.click('button', 'Sign in');
    await again?.(page);
    await isSignedIn(stage);
  });

  story(
    `${name}: the user refuses consent, then allows it, signs out at the provider, and returns`,
    at(provider),
    async (stage) => {
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
        await page.until('the redirect back', () =>
          page.run(
            "async () => globalThis.events?.some(([reason, confirmed]) => reason === 'signed_out' && confirmed)",
          ),
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
    },
  );
}
