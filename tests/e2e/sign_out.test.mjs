/** Sign-out in the app and at the provider, and revocation of the tokens. */
import assert from 'node:assert/strict';
import { OPEN } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';

/** The API's response to a token, requested without any client. */
async function statusAtApi(stage, token) {
  const response = await fetch(new URL('me', stage.api.url), { headers: { authorization: `Bearer ${token}` } });
  return response.status;
}

async function reloadRestoresNothing({ page, provider }) {
  const before = provider.count('authorization');
  await page.reload();
  await page.see('Signed out');
  assert.equal(provider.count('authorization'), before, 'no silent sign-in');
}

async function refreshWith(stage, token) {
  const response = await fetch(`${stage.provider.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'demo', refresh_token: token }),
  });
  return response.json();
}

story(
  'signing out ends the session in the app and at the provider, and revokes its tokens',
  { homes: ['shared', 'dedicated', 'page'] },
  async (stage) => {
    const { page, provider, site } = stage;
    await stage.signIn();
    const { accessToken, refreshToken } = provider.issued;
    assert.equal(await statusAtApi(stage, accessToken), 200, 'valid until then');

    await page.click('button', 'Sign out');
    await page.find('heading', 'Sign out?');
    await page.click('button', 'Sign out');
    await page.see('Signed out');
    await page.find('button', 'Sign in');
    assert.equal((await page.url()).split('?')[0], site.url);
    assert.deepEqual(await stage.keys('localStorage'), []);
    assert.deepEqual(await stage.keys('sessionStorage'), []);

    assert.equal(await statusAtApi(stage, accessToken), 401);
    assert.equal((await refreshWith(stage, refreshToken)).error, 'invalid_grant');

    await reloadRestoresNothing(stage);

    await page.click('button', 'Sign in');
    await page.find('heading', 'Sign in');
    await stage.login('bob');
    await stage.consent();
    await page.see('Signed in as bob');
  },
);

story('tokens are revoked even if the user stays at the provider', {}, async (stage) => {
  const { page, provider } = stage;
  await stage.signIn();
  const { accessToken, refreshToken } = provider.issued;
  await page.click('button', 'Sign out');
  await page.find('heading', 'Sign out?');
  assert.ok(provider.count('revocation') >= 1);
  assert.equal(await statusAtApi(stage, accessToken), 401);
  assert.equal((await refreshWith(stage, refreshToken)).error, 'invalid_grant');
});

for (const kind of ['unreachable', '500']) {
  story(`a sign-out ends the local session even if the revocation fails with ${kind}`, {}, async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    provider.fail(kind, 'revocation');
    await page.click('button', 'Sign out');
    await page.find('heading', 'Sign out?');
    await page.goto(stage.site.url);
    await page.see('Signed out');
  });
}

story('after a sign-out, the page offers no call', { demo: true }, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  await page.click('button', 'Sign out');
  await page.find('heading', 'Sign out?');
  await page.click('button', 'Sign out');
  await page.see('Signed out');
  const button = await page.find('button', 'Me');
  assert.ok(!(await button.isEnabled()));
  await page.see('They need a key: sign in first.');
});

story(
  'OUT-39 P0: revoking the tokens keeps the session at the provider',
  { ...OPEN, everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    const { accessToken, refreshToken } = provider.issued;
    const reasons = await page.run(`async () => {
    const reasons = [];
    client.addEventListener('change', ({ reason, session }) => reasons.push([reason, session]));
    await client.revoke();
    return reasons;
  }`);
    assert.deepEqual(reasons, [['signed_out', null]]);
    assert.equal(await statusAtApi(stage, accessToken), 401);
    assert.equal((await refreshWith(stage, refreshToken)).error, 'invalid_grant');
    await reloadRestoresNothing(stage);
    await page.click('button', 'Sign in');
    await stage.consent(); // no password: the grant has gone with its tokens, the login has not
    await page.see('Signed in as alice');
  },
);

story('OUT-40 P1: an app can ask whether the session at the provider has ended', OPEN, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  const check = `async () => client.signIn({ mode: 'silent' }).then(({ sub }) => sub, ({ oauth }) => oauth.error)`;
  assert.equal(await page.run(check), 'alice');
  await stage.forgetAtProvider();
  assert.equal(await page.run(check), 'login_required');
  assert.equal(await page.run('async () => client.session.sub'), 'alice', 'the app decides');
  await page.run('async () => client.revoke()');
  assert.equal(await page.run('async () => client.session'), null);
});

story(
  'OUT-41 P0: a sign-out right after the sign-in leaves no mark of a session',
  {
    ...OPEN,
    scripts: {
      '/www/app.js': OPEN.scripts['/www/app.js'].replace(
        'const session = await client.start();',
        `const delay = Number(sessionStorage.getItem('delay'));
        const left = new Promise((done) => client.addEventListener('change', ({ reason }) => {
          if (reason === 'signed_in') setTimeout(() => done(client.signOut({ everywhere: false })), delay);
        }));
        if (await client.start()) await left;
        const session = client.session;`,
      ),
    },
    everyEngine: true,
  },
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    // The page asks for the session at the end of a sign-in. The sign-out comes before, meanwhile, and after.
    for (const delay of [0, 1, 2, 3, 5, 8]) {
      await page.run(`async (delay) => sessionStorage.setItem('delay', delay)`, delay);
      await page.click('button', 'Sign in');
      if (delay === 0) await stage.login();
      await stage.consent(); // the revocation ended what the user had granted
      await page.until('the way back', () => page.run('async () => !location.search && Boolean(globalThis.client)'));
      await page.see('Signed out');
      const before = provider.count('authorization');
      const marks = `async () => Object.keys(localStorage).filter((key) => key.startsWith('valet-key:had'))`;
      assert.deepEqual(await page.run(marks), [], `after ${delay} ms`);
      await page.reload();
      await page.see('Signed out');
      assert.equal(provider.count('authorization'), before, 'no silent sign-in');
    }
  },
);
