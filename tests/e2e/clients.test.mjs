/** Several clients on one page, each with a provider of its own. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProvider } from '../support/provider.mjs';
import { search, reachOf } from '../support/secrets.mjs';
import { story } from '../support/stage.mjs';

const TWO = {
  scripts: {
    '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const { issuers, ...config } = await (await fetch('config.json')).json();
      const clients = issuers.map((issuer) => createClient({ ...config, issuer, api: [], scope: 'openid' }));
      clients.forEach((client, index) => {
        const button = document.createElement('button');
        button.textContent = 'Sign in at ' + (index + 1);
        button.onclick = () => client.signIn();
        document.body.prepend(button);
      });
      const sessions = [];
      for (const client of clients) sessions.push(await client.start().catch((error) => ({ sub: error.code })));
      document.getElementById('state').textContent = 'Signed in: ' + sessions.map((session) => session ? session.sub : 'nobody').join(' and ');
    `,
  },
};

story('two providers on one page do not send the browser to and fro', TWO, async (stage) => {
  const { page, provider, site } = stage;
  const second = await startProvider({ origins: [site.origin], host: '127.0.0.1' }); // another host: cookies know no ports
  try {
    site.settings.connect.push(second.issuer);
    site.settings.config = { ...site.settings.config, issuers: [provider.issuer, second.issuer] };
    await page.goto(site.url);
    await page.see('Signed in: nobody and nobody');
    await page.click('button', 'Sign in at 1');
    await stage.login('alice');
    await stage.consent();
    await page.see('Signed in: alice and nobody');

    await page.click('button', 'Sign in at 2');
    await page.find('heading', 'Sign in');
    await page.fill('User', 'bob');
    await page.fill('Password', 'wonderland');
    await page.click('button', 'Sign in');
    await stage.consent();
    await page.see('Signed in: alice and bob');

    await page.reload();
    await sleep(3000);
    await page.see('Signed in: alice and bob');
    const visits = provider.count('authorization') + second.count('authorization');
    assert.ok(visits <= 6, `${visits} trips to the providers`);
    assert.deepEqual(search(second.issued.secrets().filter(([label]) => label !== 'code verifier'), await reachOf(stage.browser, site)), []);
  } finally {
    await second.close();
  }
});
