/** How the client handles differences between providers, simulated by one provider. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { app } from '../support/app.mjs';
import { startProvider } from '../support/provider.mjs';
import { story } from '../support/stage.mjs';

const OPEN = { everyEngine: true, scripts: app({ exposed: true }) };

/** The outcome of a promise in the page: its value, or the code of its error. */
async function told({ page }, expression) {
  await page.until('the app', () => page.run('async () => Boolean(globalThis.client)'));
  return page.run(`async () => (${expression}).catch(({ code }) => code)`);
}

const call = (stage) => told(stage, "client.fetch(api + 'me').then(({ status }) => status)");

/** Signs out, and records whether the promise resolves. */
const signOut = ({ page }, options = '') =>
  page.run(`async () => void client.signOut(${options}).then(() => localStorage.setItem('resolved', 'yes'))`);

const resolved = ({ page }) => page.run("async () => localStorage.getItem('resolved')");

/** Changes the discovery document. */
function alterMetadata({ provider: { settings } }, change) {
  settings.alter = (path, body) => (path === '/.well-known/openid-configuration' ? change(body) : body);
}

story('a sign-out resolves if the provider has no end session endpoint', OPEN, async (stage) => {
  const { page } = stage;
  alterMetadata(stage, ({ end_session_endpoint: _, ...rest }) => rest);
  await stage.signIn();
  await signOut(stage);
  await page.until('the end of the sign-out', async () => (await resolved(stage)) === 'yes');
  await page.see('Signed out');
});

story(
  'a silent sign-in without a response in the frame is tried once, and the page stays',
  { ...OPEN, homes: ['dedicated'] },
  async (stage) => {
    const { page, provider, site } = stage;
    await stage.signIn();
    provider.settings.inFrame = '<p>Sign in</p>'; // instead of a response to `prompt=none`
    const before = provider.count('authorization');
    await page.reload();
    await page.see('Signed out');
    assert.equal(await page.url(), site.url);
    assert.equal(provider.count('authorization'), before + 1);
    await page.reload();
    await page.see('Signed out');
    assert.equal(provider.count('authorization'), before + 1, 'once in this browser');

    provider.settings.inFrame = undefined;
    await page.click('button', 'Sign in');
    await page.see('Signed in as alice');
    await page.reload();
    await page.see('Signed in as alice');
    assert.equal(provider.count('authorization'), before + 3, 'again after a sign-in');
  },
);

story(
  'a silent sign-in by redirect that does not return is tried once',
  {
    ...OPEN,
    homes: ['dedicated'],
    provider: (options) => startProvider({ ...options, host: '127.0.0.1' }), // on another site than the page
  },
  async (stage) => {
    const { page, provider, site } = stage;
    await stage.signIn();
    provider.settings.inFrame = '<p>Sign in</p>';
    const before = provider.count('authorization');
    await page.reload();
    await page.at(/^http:\/\/127\.0\.0\.1/);
    assert.equal(provider.count('authorization'), before + 1);
    await page.goto(site.url);
    await page.see('Signed out');
    assert.equal(provider.count('authorization'), before + 1);
  },
);

story(
  'CB-72 P1: a sign-in that the user refuses keeps the existing session and reports `returnTo`',
  OPEN,
  async (stage) => {
    const { page, site } = stage;
    await stage.signIn();
    await stage.openBeside(); // keeps the vault alive while the other tab is at the provider
    await page.run("async () => void client.signIn({ prompt: 'consent', returnTo: '/www/?from=here#there' })");
    await stage.deny();
    await page.see('Told: authorization_error');
    await page.see('Signed in as alice');
    assert.equal(await page.run('async () => client.session.sub'), 'alice');
    assert.equal(await page.run('async () => failure.returnTo'), '/www/?from=here#there');
    assert.equal(await page.url(), site.url);
    assert.equal(await call(stage), 200);
  },
);

story(
  'a provider that requires pushed requests and names no endpoint for them is detected before the page leaves',
  OPEN,
  async (stage) => {
    const { page, provider, site } = stage;
    alterMetadata(stage, (metadata) => ({ ...metadata, require_pushed_authorization_requests: true }));
    await stage.visit();
    assert.equal(await told(stage, 'client.signIn()'), 'metadata_invalid');
    assert.equal(await page.url(), site.url);
    assert.equal(provider.count('authorization'), 0);
  },
);

story('a key that was replaced under the same key id is fetched once more', OPEN, async (stage) => {
  const { provider } = stage;
  const { n } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  let looks = 0;
  provider.settings.alter = (path, body) => {
    if (path !== '/jwks' || looks++ > 0) return body;
    return { keys: body.keys.map((key) => (key.kty === 'RSA' ? { ...key, n } : key)) };
  };
  await stage.signIn();
  assert.equal(provider.count('jwks'), 2);
  assert.equal(await call(stage), 200);
});
