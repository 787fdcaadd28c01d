/** Silent sign-in in a hidden frame. */
import assert from 'node:assert/strict';
import { app } from '../support/app.mjs';
import { startProvider } from '../support/provider.mjs';
import { story } from '../support/stage.mjs';

const SILENT = {
  scripts: app({
    buttons: { Silent: "client.signIn({ mode: 'silent' })", Call: "client.fetch(config.api[0] + 'me')" },
  }),
};
const DEDICATED = { ...SILENT, homes: ['dedicated'] };

const FRAMELESS =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; frame-ancestors 'none'";

/** How often the browser loaded the page itself. */
const loads = (site) => site.requests.filter(({ path }) => path === '/www/').length;

story('a reload that ends the vault signs in through a hidden frame, and the page stays', DEDICATED, async (stage) => {
  const { page, provider, site } = stage;
  await stage.signIn();
  const before = [loads(site), provider.count('authorization')];
  await page.reload();
  await page.see('Signed in as alice');
  assert.equal(loads(site), before[0] + 2, 'the page, and the redirect page in the hidden frame');
  assert.equal(provider.count('authorization'), before[1] + 1);
  assert.equal(
    await page.run('async () => document.querySelectorAll("iframe").length'),
    0,
    'the hidden frame is removed',
  );
  assert.deepEqual(await stage.keys('sessionStorage'), []);
});

story(
  'POP-21 P1: a silent sign-in returns a session, or login_required if the provider must ask the user',
  SILENT,
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    await page.click('button', 'Silent');
    await page.see('Told: alice');
    const asked = provider.count('authorization');
    await stage.forgetAtProvider();
    await page.click('button', 'Silent');
    await page.see('Told: login_required');
    await page.see('Signed in as alice');
    assert.equal(provider.count('authorization'), asked + 1, 'once');
    await page.click('button', 'Call');
    await page.see('Told: 200');
  },
);

story('POP-19 P1: a silent sign-in times out if the provider refuses to be framed', SILENT, async (stage) => {
  const { page, provider } = stage;
  await stage.signIn();
  provider.settings.inFrame = null;
  await page.click('button', 'Silent');
  await page.see('Told: timeout', 20_000);
  await page.see('Signed in as alice');
  assert.equal(await page.run('async () => document.querySelectorAll("iframe").length'), 0);
});

story(
  'a page whose policy forbids frames is restored by a redirect to the provider',
  { ...DEDICATED, policies: { page: FRAMELESS } },
  async (stage) => {
    const { page, provider, site } = stage;
    await stage.signIn();
    const before = provider.count('authorization');
    await page.reload();
    await page.see('Signed in as alice');
    assert.equal(provider.count('authorization'), before + 1, 'the policy blocked the frame before its first request');
    assert.equal(await page.url(), site.url);
  },
);

story('a provider on another site is reached by a redirect', DEDICATED, async (stage) => {
  const { page, site } = stage;
  const other = await startProvider({ origins: [site.origin], host: '127.0.0.1' });
  try {
    site.settings.connect.push(other.issuer);
    site.settings.config = { ...site.settings.config, issuer: other.issuer };
    await stage.visit();
    await page.click('button', 'Sign in');
    await page.fill('User', 'alice');
    await page.fill('Password', 'wonderland');
    await page.click('button', 'Sign in');
    await stage.consent();
    await page.see('Signed in as alice');
    const before = loads(site);
    await page.reload();
    await page.see('Signed in as alice');
    assert.equal(loads(site), before + 2, 'the page, before and after the redirect');
    await page.click('button', 'Silent');
    await page.see('Told: login_required', 20_000); // the frame's requests carry no cookies of the provider
  } finally {
    await other.close();
  }
});

story('POP-24 P1: a page in the hidden frame cannot navigate the app’s page', SILENT, async (stage) => {
  const { page, provider, site } = stage;
  await stage.signIn();
  provider.settings.inFrame = '<script>try { top.location = "about:blank"; } catch {}</script>';
  await page.click('button', 'Silent');
  await page.see('Told: timeout', 20_000);
  assert.equal(await page.url(), site.url);
  await page.see('Signed in as alice');
});

story('POP-25 P1: an app that runs inside a frame creates no hidden frame', DEDICATED, async (stage) => {
  const { page, provider, site } = stage;
  await stage.signIn();
  await stage.forgetAtProvider();
  const before = provider.count('authorization');
  await page.reload();
  await page.see('Signed out');
  assert.equal(provider.count('authorization'), before + 1);
  assert.equal(loads(site) > 0, true);
});

story(
  'POP-36 P1: time during which the page is blocked does not count toward the timeout of the hidden frame',
  SILENT,
  async (stage) => {
    const { page } = stage;
    await stage.signIn();
    // The redirect page in the frame is blocked, too, for longer than its time limit.
    await page.run(`async () => {
    const stand = () => { for (const end = performance.now() + 4000; performance.now() < end;); };
    new MutationObserver(([{ addedNodes: [frame] }]) => frame?.addEventListener('load', stand)).observe(document.documentElement, { childList: true });
  }`);
    await page.click('button', 'Silent');
    await page.see('Told: alice', 20_000);
  },
);
