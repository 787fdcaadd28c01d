/** A reload that ends the vault: the tokens are lost, and a silent sign-in restores the session. */
import assert from 'node:assert/strict';
import { story } from '../support/stage.mjs';

const ALONE = { homes: ['dedicated', 'page'] };

/**
 * An app whose client is made with further options.
 * @param {string} options as source @param {string} [before] what the app does with `client` before it starts it, as source
 */
const appWith = (options, before = '') => ({
  '/www/app.js': `
    import { createClient } from '../pkg/index.js';
    const config = await (await fetch('config.json')).json();
    const client = createClient({ ...config, scope: 'openid profile', ${options} });
    ${before}
    const session = await client.start();
    document.getElementById('state').textContent = session ? 'Signed in as ' + session.sub : 'Signed out';
    document.getElementById('sign-in').hidden = false;
    document.getElementById('sign-in').onclick = () => client.signIn();
  `,
});

const questions = (provider) => provider.requests.filter(({ path }) => path.startsWith('/interaction/')).length;

story('a reload restores the session without asking the user', ALONE, async (stage) => {
  const { page, provider, site } = stage;
  await stage.signIn();
  const asked = questions(provider);

  for (let round = 1; round <= 3; round += 1) {
    await page.reload();
    await page.until('the silent trip', () => provider.count('token') === 1 + round);
    await stage.restored();
  }
  assert.equal(questions(provider), asked, 'neither login nor consent');
  assert.equal(await page.url(), site.url);
  assert.equal(await stage.call('Me'), 200);
  assert.deepEqual(await stage.keys('sessionStorage'), []);
});

story('a new tab is signed in without asking the user', ALONE, async (stage) => {
  const { provider } = stage;
  await stage.signIn();
  const asked = questions(provider);
  await stage.openBeside();
  assert.equal(questions(provider), asked);
  assert.equal(await stage.call('Me'), 200);
});

story('if the provider has forgotten the user, a reload tries a silent sign-in once', ALONE, async (stage) => {
  const { page, provider } = stage;
  await stage.signIn();
  await stage.forgetAtProvider();
  const before = provider.count('authorization');

  await page.reload();
  await page.see('Signed out');
  assert.equal(provider.count('authorization'), before + 1);
  await page.reload();
  await page.see('Signed out');
  assert.equal(provider.count('authorization'), before + 1, 'a failed silent sign-in is not tried at each load');

  await page.click('button', 'Sign in');
  await stage.login();
  await stage.consent();
  await page.see('Signed in as alice');
});

story(
  'an app that reloads the page in the handler of the sign-in event keeps the session',
  {
    ...ALONE,
    scripts: appWith(
      '',
      `client.addEventListener('change', ({ reason }) => {
        if (reason !== 'signed_in' || sessionStorage.getItem('keys') !== null) return;
        sessionStorage.setItem('keys', Object.keys(localStorage).join());
        location.reload();
      });`,
    ),
  },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.until('the reload and the silent trip', () => provider.count('token') === 2);
    await page.see('Signed in as alice');
    const keys = await page.run(`async () => sessionStorage.getItem('keys')`);
    assert.match(keys, /^valet-key:had:/, 'the next page would find the entry of the session from then on');
  },
);

story('Back and Forward after a sign-in do no harm', {}, async (stage) => {
  const { page, site } = stage;
  await stage.signIn('alice', { shown: true });
  await page.back();
  await page.until('another page', async () => (await page.url()) !== site.url);
  await page.forward();
  await page.see('Signed in as alice');
  assert.equal(await page.url(), site.url);
  assert.equal(await stage.call('Me'), 200);
});

story('a user who never signed in is not redirected', {}, async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  await page.reload();
  await page.see('Signed out');
  assert.equal(provider.count('authorization'), 0);
  assert.deepEqual(await stage.keys('localStorage'), []);
});

story(
  'an app that switches restoring off gets no silent sign-in',
  {
    ...ALONE,
    scripts: appWith("restore: 'none'"),
  },
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    const [before, asked] = [provider.count('authorization'), questions(provider)];
    await page.reload();
    await page.see('Signed out');
    assert.equal(provider.count('authorization'), before);
    await page.click('button', 'Sign in');
    await page.see('Signed in as alice');
    assert.equal(questions(provider), asked, 'the provider still knows the user, and does not ask');
  },
);
