/** A provider that fails, and the error that the page gets. */
import assert from 'node:assert/strict';
import { story } from '../support/stage.mjs';

const CORS = /Access-Control-Allow-Origin/;
const LATER = /Try again later/;
const PROXY = /wrong path or a proxy/;

const rows = [
  ['unreachable', 'network_error', CORS],
  ['no_cors', 'network_error', CORS],
  ['500', 'server_unavailable', LATER],
  ['html', 'not_json', PROXY],
];

for (const [kind, code, hint] of [...rows, ['404', 'discovery_failed', /check `issuer`/]]) {
  story(`a discovery request that fails with ${kind} rejects with ${code}`, {}, async (stage) => {
    const { page, provider } = stage;
    provider.fail(kind, 'discovery');
    await stage.visit();
    await page.click('button', 'Sign in');
    await page.find('heading', code);
    await page.see(hint);
    assert.equal(provider.count('authorization'), 0);

    provider.recover();
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Signed in as alice');
  });
}

for (const [kind, code, hint] of rows) {
  story(`a code exchange that fails with ${kind} rejects with ${code}`, {}, async (stage) => {
    const { page, provider, site } = stage;
    await stage.visit();
    await page.click('button', 'Sign in');
    await stage.login();
    provider.fail(kind, 'token');
    await stage.consent();
    await page.find('heading', code);
    await page.see(hint);
    await page.see('Signed out');
    assert.equal(await page.url(), site.url, 'the address bar is clean');
    assert.deepEqual(await stage.keys('sessionStorage'), [], 'a code is sent once');

    provider.recover();
    await page.click('button', 'Sign in');
    await page.see('Signed in as alice');
  });
}

story(
  'a token response that never comes rejects with `timeout`',
  {
    scripts: {
      '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const config = await (await fetch('config.json')).json();
      const client = createClient({ ...config, timeout: 1500 });
      const say = (text) => (document.getElementById('state').textContent = text);
      client.start().then((session) => say(session ? 'Signed in' : 'Signed out'), ({ code, hint }) => say(code + ': ' + hint));
      document.getElementById('sign-in').hidden = false;
      document.getElementById('sign-in').onclick = () => client.signIn();
    `,
    },
  },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    await page.click('button', 'Sign in');
    await stage.login();
    provider.fail('silent', 'token');
    await stage.consent();
    await page.see('timeout: Try again later.');
  },
);

story('metadata with an issuer spelled differently are refused', {}, async (stage) => {
  const { page, site, provider } = stage;
  site.settings.config = { ...site.settings.config, issuer: `${provider.issuer}/` };
  await stage.visit();
  await page.click('button', 'Sign in');
  await page.find('heading', 'issuer_mismatch');
  await page.see('to the last slash');
  assert.equal(provider.count('authorization'), 0);
});
