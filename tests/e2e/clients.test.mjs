/** Several clients on one page, each with a provider of its own. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEcho } from '../support/echo.mjs';
import { startProvider } from '../support/provider.mjs';
import { search, reachOf } from '../support/secrets.mjs';
import { story } from '../support/stage.mjs';

const TWO = {
  scripts: {
    '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const { issuers, lists, ...config } = await (await fetch('config.json')).json();
      const clients = issuers.map((issuer, index) => createClient({ ...config, issuer, api: lists[index], scope: 'openid' }));
      Object.assign(globalThis, { clients, config, createClient });
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

story('STORE-12 P1: two providers on one page do not send the browser to and fro', TWO, async (stage) => {
  const { page, provider, site } = stage;
  const second = await startProvider({ origins: [site.origin], host: '127.0.0.1' }); // another host: cookies know no ports
  try {
    site.settings.connect.push(second.issuer);
    site.settings.config = { ...site.settings.config, issuers: [provider.issuer, second.issuer], lists: [[], []] };
    await page.goto(site.url);
    await page.see('Signed in: nobody and nobody');
    await page.click('button', 'Sign in at 1');
    await stage.login('alice');
    await stage.consent();
    await page.see('Signed in: alice and nobody');
    assert.deepEqual(await stage.keys('localStorage'), [`valet-key:had:${provider.issuer} demo`], 'the other one’s keys are others');

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

story('FETCH-40 P0: each token goes to its own list, and no two lists meet', TWO, async (stage) => {
  const { page, provider, site, api } = stage;
  const second = await startProvider({ origins: [site.origin], host: '127.0.0.1' });
  const echo = await startEcho();
  try {
    site.settings.connect.push(second.issuer, new URL('/', echo.url).href);
    site.settings.config = { ...site.settings.config, issuers: [provider.issuer, second.issuer], lists: [[api.url], [echo.url]] };
    await page.goto(site.url);
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

    const outcomes = await page.run(`async (first, second) => {
      const outcome = (client, url) => client.fetch(url).then(({ status }) => status, (error) => error.code);
      return [
        await outcome(clients[0], first + 'me'), await outcome(clients[0], second),
        await outcome(clients[1], first + 'me'), await outcome(clients[1], second),
      ];
    }`, api.url, echo.url);
    assert.deepEqual(outcomes, [200, 'request_blocked', 'request_blocked', 200]);
    assert.deepEqual(echo.seen.map(({ headers }) => headers.authorization), [`Bearer ${second.issued.accessToken}`]);

    const rows = [
      ['the same', [echo.url], 'config_error'],
      ['what is below', [`${echo.url}a/`], 'config_error'],
      ['what is above', [new URL('/', echo.url).href], 'config_error'],
      ['one of several', ['https://api.test/', `${echo.url}a/b/`], 'config_error'],
      ['what is beside', [new URL('/v2/', echo.url).href], 'no error'],
    ];
    for (const [label, list, expected] of rows) {
      const code = await page.run(`async (api, index) => {
        const client = createClient({ issuer: config.issuer, clientId: 'third-' + index, allowLoopbackHttp: true, api });
        return client.preload().then(() => 'no error', (error) => error.code);
      }`, list, rows.findIndex(([name]) => name === label));
      assert.equal(code, expected, label);
    }
  } finally {
    await Promise.all([second.close(), echo.close()]);
  }
});

/** Two clients, of which the provider of the second does not say who answers. */
const MIXED = (redirects) => ({
  scripts: {
    '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const { issuers, ...config } = await (await fetch('config.json')).json();
      const redirects = ${JSON.stringify(redirects)};
      const clients = issuers.map((issuer, index) => createClient({ ...config, issuer, api: [], scope: 'openid', redirectUri: redirects[index] }));
      const say = (what) => (document.getElementById('state').textContent = what);
      clients.forEach((client, index) => {
        const button = document.createElement('button');
        button.textContent = 'Sign in at ' + (index + 1);
        button.onclick = () => client.signIn().catch((error) => say('Refused: ' + error.code));
        document.body.prepend(button);
      });
      const outcomes = [];
      for (const client of clients) outcomes.push(await client.start().then((session) => session?.sub ?? 'nobody', (error) => error.code));
      say('Outcomes: ' + outcomes.join(' and '));
    `,
  },
});

async function mixed(stage, play) {
  const { provider, site } = stage;
  const second = await startProvider({ origins: [site.origin], host: '127.0.0.1' });
  second.settings.alter = (path, body) => (path.endsWith('openid-configuration') ? { ...body, authorization_response_iss_parameter_supported: undefined } : body);
  try {
    site.settings.connect.push(second.issuer);
    site.settings.config = { ...site.settings.config, issuers: [provider.issuer, second.issuer] };
    await play(second);
  } finally {
    await second.close();
  }
}

story('CB-14 P0: two providers with one redirect page must both say who answers', MIXED(['/www/', '/www/']), (stage) =>
  mixed(stage, async (second) => {
    const { page, site } = stage;
    await page.goto(site.url);
    await page.see('Outcomes: nobody and nobody');
    await page.click('button', 'Sign in at 2');
    await page.see('Refused: config_error');
    assert.equal(second.count('authorization'), 0);
  }));

story('CB-44 P0: an answer at the redirect page of another provider is refused', MIXED(['/www/', '/www/?second']), (stage) =>
  mixed(stage, async (second) => {
    const { page, site } = stage;
    site.settings.config = { ...site.settings.config };
    await page.goto(site.url);
    await page.see('Outcomes: nobody and nobody');
    await page.click('button', 'Sign in at 2');
    await page.until('the provider', async () => (await page.url()).startsWith(second.issuer));
    const [state] = second.issued.states;
    await page.goto(`${site.origin}/www/index.html?code=c&state=${state}`);
    await page.see('iss_mismatch');
    assert.equal(second.count('token'), 0);
  }));
