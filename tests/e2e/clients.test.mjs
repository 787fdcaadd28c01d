/** Several clients on one page, each with its own provider or account. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEcho } from '../support/echo.mjs';
import { startHostile } from '../support/hostile.mjs';
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

story('STORE-12 P1: two providers on one page do not redirect the browser back and forth', TWO, async (stage) => {
  const { page, provider, site } = stage;
  const second = await startProvider({ origins: [site.origin], host: '127.0.0.1' }); // another host, because cookies do not distinguish ports
  try {
    site.settings.connect.push(second.issuer);
    site.settings.config = { ...site.settings.config, issuers: [provider.issuer, second.issuer], lists: [[], []] };
    await page.goto(site.url);
    await page.see('Signed in: nobody and nobody');
    await page.click('button', 'Sign in at 1');
    await stage.login('alice');
    await stage.consent();
    await page.see('Signed in: alice and nobody');
    assert.deepEqual(
      await stage.keys('localStorage'),
      [`valet-key:had:${provider.issuer} demo`],
      'the other provider has other keys',
    );

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
    assert.ok(visits <= 6, `${visits} redirects to the providers`);
    assert.deepEqual(
      search(
        second.issued.secrets().filter(([label]) => label !== 'code verifier'),
        await reachOf(stage.browser, site),
      ),
      [],
    );
  } finally {
    await second.close();
  }
});

story(
  'a silent redirect to one provider does not consume the response of another provider',
  { ...TWO, homes: ['shared', 'dedicated'] },
  async (stage) => {
    const { page, provider, site } = stage;
    const far = await startProvider({ origins: [site.origin], host: '127.0.0.1' }); // of another site: only a redirect can restore its session
    try {
      site.settings.connect.push(far.issuer);
      site.settings.config = { ...site.settings.config, issuers: [far.issuer, provider.issuer], lists: [[], []] };
      await page.goto(site.url);
      await page.click('button', 'Sign in at 1');
      await page.find('heading', 'Sign in');
      await page.fill('User', 'bob');
      await page.fill('Password', 'wonderland');
      await page.click('button', 'Sign in');
      await stage.consent();
      await page.see('Signed in: bob and nobody');
      await page.click('button', 'Sign in at 2');
      await stage.login('alice');
      await stage.consent();
      await page.see('Signed in: bob and alice');
      assert.equal(await page.url(), site.url);
      assert.deepEqual(
        (await stage.keys('sessionStorage')).filter((key) => key.startsWith('valet-key:tx:')),
        [],
      );
    } finally {
      await far.close();
    }
  },
);

story('FETCH-40 P0: each call uses the token and the API list of its own client', TWO, async (stage) => {
  const { page, provider, site, api } = stage;
  const second = await startProvider({ origins: [site.origin], host: '127.0.0.1' });
  const echo = await startEcho();
  try {
    site.settings.connect.push(second.issuer, new URL('/', echo.url).href);
    site.settings.config = {
      ...site.settings.config,
      issuers: [provider.issuer, second.issuer],
      lists: [[api.url], [echo.url]],
    };
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

    const outcomes = await page.run(
      `async (first, second) => {
      const outcome = (client, url) => client.fetch(url).then(({ status }) => status, (error) => error.code);
      return [
        await outcome(clients[0], first + 'me'), await outcome(clients[0], second),
        await outcome(clients[1], first + 'me'), await outcome(clients[1], second),
      ];
    }`,
      api.url,
      echo.url,
    );
    assert.deepEqual(outcomes, [200, 'request_blocked', 'request_blocked', 200]);
    assert.deepEqual(
      echo.seen.map(({ headers }) => headers.authorization),
      [`Bearer ${second.issued.accessToken}`],
    );
  } finally {
    await Promise.all([second.close(), echo.close()]);
  }
});

/** Two clients on a page, with options from the configuration, which sign in silently. */
const PAIR = {
  provider: startHostile,
  scripts: {
    '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const options = await (await fetch('config.json')).json();
      globalThis.clients = options.map((one) => createClient({ allowLoopbackHttp: true, scope: 'openid', ...one }));
      const outcomes = [];
      for (const client of clients) outcomes.push(await client.start().then((session) => session && session.sub, ({ code }) => code));
      Object.assign(globalThis, { outcomes });
      document.getElementById('state').textContent = 'Ready';
    `,
  },
};

/** Opens the page with these clients, which have no sessions. */
async function pair({ page, site }, options) {
  site.settings.config = options;
  await page.goto(site.url);
  await page.see('Ready');
  assert.deepEqual(
    await page.run('async () => outcomes'),
    options.map(() => null),
  );
}

/** The outcome of an action of one client. */
const act = ({ page }, index, action) =>
  page.run(
    `async () => { const client = clients[${index}]; return (async () => ${action})().then((given) => given?.sub ?? given?.status ?? 'ok', ({ code }) => code); }`,
  );

const SILENT = "client.signIn({ mode: 'silent' })";

/** The API lists of two clients, the addresses that each client calls, and the expected outcomes. */
const LISTS = {
  'the same list': [['v1/'], ['v1/'], ['v1/me', 'v1/deep/er']],
  'the same list, in two workers': [['v1/'], ['v1/'], ['v1/me'], [{ restore: 'vault' }, { restore: 'none' }]],
  'lists of which one contains the other': [['v1/'], ['v1/deep/'], ['v1/deep/er']],
  'lists with a common prefix': [
    ['v1'],
    ['v10'],
    ['v1/me', 'v10/me'],
    [],
    [
      [200, 'request_blocked'],
      ['request_blocked', 200],
    ],
  ],
};

for (const [what, [one, two, paths, more = [], expected]] of Object.entries(LISTS)) {
  story(`FETCH-50 P0: two clients with ${what} each send their own token`, PAIR, async (stage) => {
    const { provider, site } = stage;
    const echo = await startEcho();
    const second = await startHostile({ origins: [site.origin] });
    try {
      const root = new URL('/', echo.url).href;
      site.settings.connect.push(second.issuer, root);
      const client = (issuer, list, members) => ({
        issuer,
        clientId: 'spa',
        api: list.map((path) => root + path),
        restore: 'vault',
        ...members,
      });
      second.user = 'bob';
      await pair(stage, [client(provider.issuer, one, more[0]), client(second.issuer, two, more[1])]);
      assert.deepEqual([await act(stage, 0, SILENT), await act(stage, 1, SILENT)], ['alice', 'bob']);
      for (const index of [1, 0, 0, 1]) {
        const { accessToken } = [provider, second][index].issued;
        for (const [at, path] of paths.entries()) {
          const seen = echo.seen.length;
          const outcome = expected ? expected[index][at] : 200;
          assert.equal(await act(stage, index, `client.fetch(${JSON.stringify(root + path)})`), outcome, path);
          const carried = echo.seen.slice(seen).map(({ headers }) => headers.authorization);
          assert.deepEqual(carried, outcome === 200 ? [`Bearer ${accessToken}`] : [], `client ${index + 1}: ${path}`);
        }
      }
    } finally {
      await Promise.all([second.close(), echo.close()]);
    }
  });
}

story(
  'FETCH-51 P0: two accounts of one provider are two clients that can be signed in at the same time',
  { ...PAIR, homes: ['shared', 'dedicated', 'page'] },
  async (stage) => {
    const { page, provider } = stage;
    const { issuer } = provider;
    const api = [`${issuer}/api/`];
    const tokens = stage.place.home === 'page' ? 'page' : 'worker';
    const account = (account) => ({ issuer, clientId: 'spa', api, account, restore: 'vault', tokens });
    await pair(stage, [account('a'), account('b'), account(undefined)]);
    const bearer = [];
    for (const [index, user] of ['alice', 'bob', 'carol'].entries()) {
      provider.user = user;
      assert.equal(await act(stage, index, SILENT), user);
      bearer.push(`Bearer ${provider.issued.accessToken}`);
    }
    for (const index of [1, 2, 0]) {
      assert.equal(await act(stage, index, `client.fetch('${api[0]}me')`), 200);
      assert.equal(provider.last('/api/me').headers.authorization, bearer[index], `account ${index + 1}`);
      assert.equal(await act(stage, index, 'client.userinfo()'), ['alice', 'bob', 'carol'][index]);
    }
    assert.equal(await act(stage, 0, 'client.refresh()'), 'alice');
    assert.equal(await act(stage, 0, 'client.signOut()'), 'ok');
    assert.deepEqual(await page.run('async () => clients.map(({ session }) => session && session.sub)'), [
      null,
      'bob',
      'carol',
    ]);
    assert.equal(await act(stage, 0, `client.fetch('${api[0]}me')`), 'login_required');
    assert.equal(await act(stage, 1, `client.fetch('${api[0]}me')`), 200);
    assert.equal(provider.last('/api/me').headers.authorization, bearer[1]);
  },
);

story(
  'FETCH-52 P1: after a redirect each account returns to its own client',
  { ...PAIR, differs: ['lasting'] },
  async (stage) => {
    const { page, provider } = stage;
    const { issuer } = provider;
    const account = (account) => ({ issuer, clientId: 'spa', api: [`${issuer}/api/`], account, restore: 'vault' });
    await pair(stage, [account('a'), account('b')]);
    const ready = () =>
      page.until('the page to be back', () =>
        page
          .run("async () => !globalThis.isLeaving && document.getElementById('state').textContent === 'Ready'")
          .catch(() => false),
      );
    const leave = (index) =>
      page.run(`async () => { globalThis.isLeaving = true; clients[${index}].signIn(); }`).catch(() => {});
    const signedIn = () => page.run('async () => clients.map(({ session }) => session && session.sub)');
    provider.user = 'bob';
    await leave(1);
    await ready();
    assert.deepEqual(await signedIn(), [null, 'bob']);
    provider.user = 'alice';
    await leave(0);
    await ready();
    const [first, second] = await signedIn();
    const mayEnd = stage.lacks('lasting');
    assert.equal(first, 'alice');
    assert.ok(
      second === 'bob' || (second === null && mayEnd),
      `${second}: the other account is unchanged if the vault survives`,
    );
  },
);

/** Two clients; the provider of the second does not send `iss`. */
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
  second.settings.alter = (path, body) =>
    path.endsWith('openid-configuration')
      ? { ...body, authorization_response_iss_parameter_supported: undefined }
      : body;
  try {
    site.settings.connect.push(second.issuer);
    site.settings.config = { ...site.settings.config, issuers: [provider.issuer, second.issuer] };
    await play(second);
  } finally {
    await second.close();
  }
}

story('CB-14 P0: two providers that share a redirect page must both send `iss`', MIXED(['/www/', '/www/']), (stage) =>
  mixed(stage, async (second) => {
    const { page, site } = stage;
    await page.goto(site.url);
    await page.see('Outcomes: nobody and nobody');
    await page.click('button', 'Sign in at 2');
    await page.see('Refused: config_error');
    assert.equal(second.count('authorization'), 0);
  }),
);

story(
  'CB-44 P0: a response at the redirect page of another provider is refused',
  MIXED(['/www/', '/www/?second']),
  (stage) =>
    mixed(stage, async (second) => {
      const { page, site } = stage;
      site.settings.config = { ...site.settings.config };
      await page.goto(site.url);
      await page.see('Outcomes: nobody and nobody');
      await page.click('button', 'Sign in at 2');
      // A driver may name the address of a page before its request has been answered.
      await page.until('the request', () => second.issued.states.size > 0);
      await page.until('the provider', async () => (await page.url()).startsWith(second.issuer));
      const [state] = second.issued.states;
      await page.goto(`${site.origin}/www/index.html?code=c&state=${state}`);
      await page.see('iss_mismatch');
      assert.equal(second.count('token'), 0);
    }),
);
