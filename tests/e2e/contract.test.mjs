/** Promises of index.d.ts that no other story covers. */
import assert from 'node:assert/strict';
import { story } from '../support/stage.mjs';

const APP = {
  scripts: {
    '/www/app.js': `
      import { createClient, ValetKeyError } from '../pkg/index.js';
      const config = await (await fetch('config.json')).json();
      const make = (more) => createClient({ ...config, scope: 'openid profile photos', ...more });
      const client = make();
      const events = [];
      client.addEventListener('change', ({ reason, session }) => events.push([reason, session && session.sub]));
      const told = (promise) => promise.then((value) => ({ value }), (error) => ({
        ours: error instanceof ValetKeyError, name: error.name, code: error.code, fault: error.fault,
        hint: Boolean(error.hint), message: Boolean(error.message), retryable: error.retryable,
      }));
      Object.assign(globalThis, { client, make, events, told, config });
      const session = await client.start();
      document.getElementById('state').textContent = session ? 'Signed in as ' + session.sub : 'Signed out';
      document.getElementById('sign-in').hidden = false;
      document.getElementById('sign-in').onclick = () => client.signIn();
    `,
  },
};

const config = (fault = 'app') => ({
  ours: true,
  name: 'ValetKeyError',
  code: 'config_error',
  fault,
  hint: true,
  message: true,
  retryable: false,
});

story('FETCH-41 P0: an invalid option is refused by name before any request', APP, async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  await page.until('the metadata for a click', () => provider.count('discovery') === 1);
  const rows = [
    ['no issuer', '{ issuer: undefined }'],
    ['an issuer without https', '{ issuer: "http://id.example.com" }'],
    ['loopback without `allowLoopbackHttp`', '{ allowLoopbackHttp: false }'],
    ['an empty client id', '{ clientId: "" }'],
    ['a wildcard', '{ api: ["https://*.example.com/"] }'],
    ['only a wildcard', '{ api: ["*"] }'],
    ['a pattern', '{ api: ["/.*/"] }'],
    ['an entry without https', '{ api: ["http://api.example.com/"] }'],
    ['an entry with a user', '{ api: ["https://u@api.example.com/"] }'],
    ['an entry with a fragment', '{ api: ["https://api.example.com/#x"] }'],
    ['an entry with a query', '{ api: ["https://api.example.com/?x=1"] }'],
    ['a secret', '{ clientSecret: "hush" }'],
    ['an option of another library', '{ client_id: "x" }'],
  ];
  for (const [label, options] of rows) {
    const answer = await page.run(`async () => told((async () => make(${options}).preload())())`);
    assert.deepEqual(answer, config(), `${label}: ${JSON.stringify(answer)}`);
  }
  const quoted = await page.run(`async () => told(make({ scope: 'openid "quoted"' }).signIn())`);
  assert.deepEqual(quoted, config(), `an invalid scope: ${JSON.stringify(quoted)}`);
  assert.equal(provider.requests.length, 1);
});

story('parameters that would weaken a sign-in are refused', APP, async (stage) => {
  const { page, provider, site } = stage;
  await stage.visit();
  const rows = [
    ['state', '{ params: { state: "x" } }'],
    ['code_challenge_method', '{ params: { code_challenge_method: "plain" } }'],
    ['redirect_uri', '{ params: { redirect_uri: "https://attacker.example/" } }'],
    ['response_type', '{ params: { response_type: "token" } }'],
    ['a foreign returnTo', '{ returnTo: "https://attacker.example/" }'],
    ['a foreign returnTo without a scheme', '{ returnTo: "//attacker.example/" }'],
    ['a backslash', '{ returnTo: "/\\\\\\\\attacker.example/" }'],
    ['a script', '{ returnTo: "javascript:alert(1)" }'],
  ];
  for (const [label, options] of rows) {
    const answer = await page.run(`async () => told(client.signIn(${options}))`);
    assert.deepEqual(answer, config(), `${label}: ${JSON.stringify(answer)}`);
  }
  assert.equal(await page.url(), site.url);
  assert.equal(provider.count('authorization'), 0);
});

story('the app’s own parameters reach the provider', APP, async (stage) => {
  const { page } = stage;
  await stage.visit();
  await page.run(`async () => { client.signIn({ params: { login_hint: 'bob' }, returnTo: '/www/?page=2#end' }); }`);
  await page.find('heading', 'Sign in');
  const user = await page.find('textbox', 'User');
  assert.equal(await user.getAttribute('value'), 'bob');
  await stage.login('bob');
  await stage.consent();
  await page.see('Signed in as bob');
  assert.equal(await page.url(), `${stage.site.url}?page=2#end`);
});

story('each change of the session fires one event with its reason', APP, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  await page.run('async () => { await client.refresh(); }');
  const events = await page.run('async () => events');
  assert.deepEqual(events, [
    ['signed_in', 'alice'],
    ['renewed', 'alice'],
  ]);
  assert.equal(await page.run('async () => client.session.sub'), 'alice');
});

story('a sign-out fires its event before the page leaves', APP, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  await page.run(`async () => {
    client.addEventListener('change', ({ reason, session }) => { sessionStorage.setItem('seen', reason + ' ' + session); });
    client.signOut();
  }`);
  await page.find('heading', 'Sign out?');
  await page.goto(stage.site.url);
  assert.equal(await page.run('async () => sessionStorage.getItem("seen")'), 'signed_out null');
});

story('FETCH-34 P0: without a session, calls and renewals reject with `login_required`', APP, async (stage) => {
  const { page, api } = stage;
  await stage.visit();
  for (const call of ['client.fetch(config.api[0] + "me")', 'client.refresh()']) {
    const { code, fault } = await page.run(`async () => told(${call})`);
    assert.deepEqual({ code, fault }, { code: 'login_required', fault: 'user' }, call);
  }
  assert.equal(await page.run('async () => client.session'), null);
  assert.deepEqual(api.requests, []);
});

story('signing out without a session does no harm', APP, async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  await page.run('async () => void (globalThis.before = true)');
  const answer = await page
    .run(
      `async () => Promise.race([told(client.signOut()), new Promise((done) => setTimeout(done, 3000, { value: 'left' }))])`,
    )
    .catch(() => ({}));
  assert.equal(answer.code, undefined);
  // The provider knows no user either, and sends the page back.
  await page.until('the page to be another', () => page.run('async () => !globalThis.before').catch(() => false));
  await page.see('Signed out');
  assert.equal(provider.count('revocation'), 0);
});

story('`preload()` fetches the metadata before the click', APP, async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  assert.equal((await page.run('async () => told(client.preload())')).code, undefined);
  const before = provider.count('discovery');
  await page.click('button', 'Sign in');
  await page.find('heading', 'Sign in');
  assert.equal(provider.count('discovery'), before, 'the click needs no request before it leaves');
});
