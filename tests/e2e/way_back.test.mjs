/** Redirects back to the app: allowed targets, and cleanup of the address. */
import assert from 'node:assert/strict';
import { attack, attacked, call, outcome, thereAndBack, visit, withStranger } from '../support/attacker.mjs';
import { story } from '../support/stage.mjs';

const QUIET = attacked("restore: 'vault',");

/** What a script does to a pending record, as source: the response then finds no record. */
const GONE = {
  deleted: 'sessionStorage.removeItem(key)',
  'moved to another client':
    "sessionStorage.setItem(key.replace('demo', 'other'), sessionStorage.getItem(key)), sessionStorage.removeItem(key)",
};

for (const [what, act] of Object.entries(GONE)) {
  story(
    `XSS-36 P0: if the record was ${what}, the response is still removed from the address`,
    { ...QUIET, homes: ['shared', 'dedicated'] },
    async (stage) => {
      const { page, provider, site } = stage;
      await visit(stage);
      await attack(
        stage,
        `async ({ onLeaving }) => onLeaving((key) => { ${act}; localStorage.setItem('acted', 'yes'); })`,
      );
      await thereAndBack(stage);
      assert.equal(
        await page.run(
          "async () => { const acted = localStorage.getItem('acted'); localStorage.removeItem('acted'); return acted; }",
        ),
        'yes',
      );
      assert.equal(await page.url(), site.url);
      const held = await page.run('async () => JSON.stringify(history.state)');
      for (const code of provider.issued.codes) assert.ok(!held.includes(code));
      assert.doesNotMatch(await page.text(), /Told:/, '`start()` has no error');
      // A shared vault that survives holds the transaction itself.
      const itself = stage.place.home === 'shared' && (await page.text()).includes('Signed in as alice');
      assert.equal(provider.count('/token'), itself ? 1 : 0, 'no code is redeemed without a transaction');
      if (!itself) await page.see('Signed out');
      await page.run('async () => sessionStorage.clear()');
      await thereAndBack(stage);
      assert.equal(await call(stage), 200, 'the next sign-in works');
    },
  );
}

story(
  'CB-65 P0: a response with a `state` of another flow is ignored, and the page loads as usual',
  QUIET,
  async (stage) => {
    const { page, provider, site } = stage;
    await visit(stage);
    const foreign = [
      '?code=of-another&state=of-another',
      '?code=of-another&state=vk',
      '?code=of-another&state=VK.of-another&iss=https%3A%2F%2Fas.test',
      '?error=access_denied&state=of-another&error_description=no#/start',
      '#access_token=of-another&token_type=bearer&state=of-another',
    ];
    // Except for the metadata, which a signed-out page requests.
    const sent = () => provider.requests.filter(({ path }) => !path.startsWith('/.well-known/')).length;
    const look = async (expected) => {
      for (const address of foreign) {
        const asked = sent();
        await page.goto('about:blank');
        await page.goto(site.url + address);
        await page.see(expected);
        assert.doesNotMatch(await page.text(), /Told:/, address);
        assert.equal(await page.url(), site.url + address);
        assert.equal(sent(), asked, `${address}: no request is sent`);
      }
    };
    await look('Signed out');

    await stage.visit();
    await thereAndBack(stage);
    const first = await page.driver.getWindowHandle();
    await stage.openBeside(); // keeps the session alive
    await page.driver.switchTo().window(first);
    await look('Signed in as alice');
  },
);

/** Pages of other origins: another host, another scheme, another port. */
const others = ({ site }, stranger) => [
  'https://elsewhere.test/cb',
  '//elsewhere.test/cb',
  site.url.replace('http:', 'https:'),
  site.url.replace('localhost', '127.0.0.1'),
  stranger.url,
];

story('CB-66 P0: `redirectUri` must be a page of this origin', QUIET, (stage) =>
  withStranger(stage, async (stranger) => {
    const { page, provider } = stage;
    await visit(stage);
    for (const url of others(stage, stranger)) {
      const said = await attack(
        stage,
        'async ({ openAs, honest }, config, url) => { const { error } = await (await openAs(honest(config))).begin({ redirectUri: new URL(url, location.href).href }); return error ?? null; }',
        stage.site.settings.config,
        url,
      );
      assert.equal(said, 'config_error', `a port of the script’s own: ${url}`);
      const asked = (mode) =>
        page.run(
          `async (redirectUri) => {
        const { createClient } = await import('/pkg/index.js');
        const config = await (await fetch('/www/config.json')).json();
        return createClient({ ...config, restore: 'vault', redirectUri }).signIn({ mode: '${mode}' }).then(() => 'ok', ({ code }) => code);
      }`,
          url,
        );
      for (const mode of ['silent', 'redirect']) assert.equal(await asked(mode), 'config_error', `${mode}: ${url}`);
    }
    const left = provider.requests.filter(({ path }) => !path.startsWith('/.well-known/'));
    assert.deepEqual(left, [], 'no page left earlier');
    assert.deepEqual(stranger.taken, []);
  }),
);

story('OUT-36 P0: `postLogoutRedirectUri` must be a page of this origin', QUIET, (stage) =>
  withStranger(stage, async (stranger) => {
    const { page, provider } = stage;
    provider.change = { metadata: (honest) => ({ ...honest, end_session_endpoint: `${honest.issuer}/logout` }) };
    for (const url of others(stage, stranger)) {
      await visit(stage);
      assert.equal(await outcome(stage, "client.signIn({ mode: 'silent' })"), 'alice');
      const said = await attack(
        stage,
        `async ({ openAs, honest }, config, url) => {
        const { value, error } = await (await openAs(honest(config))).ask('end', { returnTo: new URL(url, location.href).href });
        return error ?? value;
      }`,
        stage.site.settings.config,
        url,
      );
      assert.equal(said, 'config_error', `a port of the script’s own: ${url}`);
      assert.equal(
        await page.run(
          `async (postLogoutRedirectUri) => {
        const { createClient } = await import('/pkg/index.js');
        const config = await (await fetch('/www/config.json')).json();
        return createClient({ ...config, restore: 'vault', postLogoutRedirectUri }).signOut().then(() => 'ok', ({ code }) => code);
      }`,
          url,
        ),
        'config_error',
        url,
      );
    }
    assert.equal(provider.count('/logout'), 0);
    assert.deepEqual(stranger.taken, []);
  }),
);

for (const path of ['//x', '//x/y/', '///x', '/%5Cx', '//x?tab=2#//y']) {
  story(`CB-67 P1: an app at ${path} signs in, and the user returns to that path`, QUIET, async (stage) => {
    const { page, provider, site } = stage;
    const { issuer } = provider;
    const [place] = path.split('?');
    site.settings.pages = [place];
    site.settings.config = { issuer, clientId: 'demo', allowLoopbackHttp: true, api: [`${issuer}/api/`] };
    await page.goto(site.origin + path);
    await page.see('Signed out');
    await page.click('button', 'Popup');
    await page.see(/Signed in as alice|Told: /);
    assert.doesNotMatch(await page.text(), /Told: \w+_\w+/, 'in a popup');
    assert.equal(await call(stage), 200, 'in a popup');
    assert.equal(provider.last('/token').form.redirect_uri, site.origin + place);
    assert.equal(await outcome(stage, 'client.signOut()'), 'ok');

    await thereAndBack(stage);
    await page.see('Signed in as alice');
    assert.equal(await call(stage), 200, 'by a redirect');
    assert.equal(await page.url(), site.origin + path);
  });
}

story(
  'STORE-20 P1: each start removes expired records of every client',
  { ...QUIET, homes: ['shared', 'dedicated'] },
  async (stage) => {
    const { page, provider, site } = stage;
    await visit(stage);
    provider.change = {
      instead: {
        '/authorize': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'),
      },
    };
    await page.click('button', 'Sign in');
    await page.find('heading', 'Sign in'); // and the user goes back without a response
    await page.goto(`${site.origin}/www/style.css`);
    const [key] = await attack(stage, 'async ({ pending }) => pending()');
    assert.match(key, /demo/);
    const left = await attack(
      stage,
      `async ({ pending, edit }, key) => {
    const record = sessionStorage.getItem(key);
    const put = (name, minutes) => {
      sessionStorage.setItem(name, record);
      edit(name, { started: Date.now() - minutes * 60_000 });
    };
    put(key, 61);
    put(key.replace('demo', 'another'), 61);
    put(key.replace(/http\\S+/, 'https://as.test'), 60 * 24);
    put(key.replace('demo', 'of-the-future'), -11);
    sessionStorage.setItem(key.replace('demo', 'broken'), '{');
    sessionStorage.setItem(key.replace('demo', 'undated'), '{}');
    put(key.replace('demo', 'young'), 59);
    sessionStorage.setItem('of-the-app', 'stays');
    return pending().length;
  }`,
      key,
    );
    assert.equal(left, 7);
    await stage.visit();
    assert.deepEqual(await attack(stage, 'async ({ pending }) => pending()'), [key.replace('demo', 'young')]);
    assert.equal(await page.run("async () => sessionStorage.getItem('of-the-app')"), 'stays');
    await page.run('async () => sessionStorage.clear()');
  },
);
