/** OpenID Connect with a real provider: keys and signatures, UserInfo, sign-in options, and both kinds of logout. */
import assert from 'node:assert/strict';
import { story } from '../support/stage.mjs';

const APP = (more = {}) => ({
  scripts: {
    '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const config = await (await fetch('config.json')).json();
      const make = (more) => createClient({ ...config, scope: 'openid profile', ...more });
      const client = make();
      const told = (promise) => promise.then((value) => ({ value }), ({ code, message }) => ({ code, message }));
      const events = [];
      client.addEventListener('change', ({ reason, confirmed }) => events.push([reason, confirmed]));
      Object.assign(globalThis, { client, make, told, events, options: {} });
      const say = (text) => (document.getElementById('state').textContent = text);
      if (new URLSearchParams(location.search).has('sid')) say('Signed out by the provider: ' + (await client.frontChannelLogout()));
      else {
        const { value, code, message } = await told(client.start());
        say(value ? 'Signed in as ' + value.sub : 'Signed out ' + (code ? code + ': ' + message : ''));
      }
      document.getElementById('sign-in').hidden = false;
      document.getElementById('sign-in').onclick = () => client.signIn(globalThis.options);
    `,
  },
  ...more,
});

/** To the provider and back, with options; the user logs in and consents unless the provider needs neither. */
async function signInWith(stage, options, { login = true, consent = true } = {}) {
  await stage.page.run('async (options) => { globalThis.options = options; }', options);
  await stage.page.click('button', 'Sign in');
  if (login) await stage.login();
  if (consent) await stage.consent();
}

const userinfo = (stage, argument = 'undefined') => stage.page.run(`async () => told(client.userinfo(${argument}))`);

story('IDT-02 P0: an ID Token with an altered signature signs no user in', APP(), async (stage) => {
  const { page, provider } = stage;
  provider.settings.alter = (path, body) => {
    if (path !== '/token' || !body.id_token) return body;
    const [header, payload, signature] = body.id_token.split('.');
    return { ...body, id_token: [header, payload, (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)].join('.') };
  };
  await stage.visit();
  await signInWith(stage, {});
  await page.see('Signed out id_token_invalid: the ID Token is not acceptable: signature');
  await page.until('revocation', async () => provider.count('revocation') > 0);
});

story('IDT-59 keys that the provider has replaced are fetched once more', APP(), async (stage) => {
  const { page, provider } = stage;
  let served = 0;
  provider.settings.alter = (path, body) => {
    if (path !== '/jwks' || served++ > 0) return body;
    return { keys: body.keys.map((key) => ({ ...key, kid: `old-${key.kid}` })) };
  };
  await stage.visit();
  await signInWith(stage, {});
  await page.see('Signed in as alice');
  assert.equal(provider.count('jwks'), 2);
});

for (const [kind, code] of [
  ['500', 'server_unavailable'],
  ['html', 'not_json'],
  ['no_cors', 'network_error'],
  ['redirect', 'network_error'],
]) {
  story(
    `IDT-61 IDT-69 if keys cannot be fetched (${kind}), the next sign-in requests them again`,
    APP(),
    async (stage) => {
      const { page, provider } = stage;
      await stage.visit();
      provider.fail(kind, 'jwks');
      await signInWith(stage, {});
      await page.see(`Signed out ${code}`);
      provider.recover();
      // Both tokens are revoked, and with them what the user had allowed.
      const revoked = ({ method, path, status }) => method === 'POST' && path === '/token/revocation' && status === 200;
      await page.until('both revocations', async () => provider.requests.filter(revoked).length === 2);
      await signInWith(stage, {}, { login: false });
      await page.see('Signed in as alice');
    },
  );
}

story('keys are fetched in parallel with the token request', APP(), async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  await signInWith(stage, {});
  await page.see('Signed in as alice');
  const asked = provider.requests
    .filter(({ method, path }) => method !== 'OPTIONS' && /^.(jwks|token)$/.test(path))
    .map(({ path }) => path);
  assert.deepEqual(asked.sort(), ['/jwks', '/token']);
  await page.run('async () => client.refresh()');
  assert.equal(provider.count('jwks'), 1, 'a refresh uses the cached keys');
});

story(
  'UI-01 UI-08 UI-15 `userinfo()` returns the claims of the user, and renews an expired token',
  APP(),
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    assert.equal((await userinfo(stage)).code, 'login_required');
    await signInWith(stage, {});
    await page.see('Signed in as alice');
    const { value } = await userinfo(stage);
    assert.deepEqual(value, { sub: 'alice', name: 'Alice Liddell', preferred_username: 'alice' });

    provider.fail('401 once', 'userinfo');
    const before = provider.count('userinfo');
    const renewed = await userinfo(stage);
    assert.equal(renewed.value?.sub, 'alice', JSON.stringify(renewed));
    assert.equal(provider.count('userinfo') - before, 2, 'UI-08');
  },
);

story('UI-02 UI-04 UI-09 UI-10 UI-11 UI-12 an unusable UserInfo response keeps the session', APP(), async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  await signInWith(stage, {});
  await page.see('Signed in as alice');
  const before = await page.run('async () => JSON.stringify(client.session.claims)');

  // The user's name has no letter that NFD would decompose, so a combining character is added to it.
  for (const sub of ['bob', 'Alice', 'alice ', 'alice\u0301']) {
    provider.settings.alter = (path, body) => (path === '/me' ? { ...body, sub } : body);
    assert.equal((await userinfo(stage)).code, 'userinfo_invalid', `UI-02 UI-04: ${sub}`);
  }

  provider.settings.alter = (path, body) =>
    path === '/me'
      ? JSON.parse(
          '{"sub":"alice","__proto__":{"polluted":1},"then":1,"exp":0,"_claim_sources":{"s":{"endpoint":"https://evil.test"}}}',
        )
      : body;
  const odd = await page.run(`async () => {
    const { value } = await told(client.userinfo());
    return [Object.keys(value), {}.polluted ?? null, value._claim_sources.s.endpoint];
  }`);
  assert.deepEqual(
    odd,
    [['sub', '__proto__', 'then', 'exp', '_claim_sources'], null, 'https://evil.test'],
    'UI-10 UI-11',
  );

  const count = provider.count('userinfo');
  provider.fail('401', 'userinfo');
  assert.equal((await userinfo(stage)).code, 'token_error', 'UI-09');
  assert.equal(provider.count('userinfo') - count, 2, 'UI-09');
  provider.fail('redirect', 'userinfo');
  assert.equal((await userinfo(stage)).code, 'network_error', 'UI-12');
  assert.equal(
    await page.run('async () => JSON.stringify(client.session.claims)').then((now) => JSON.parse(now).sub),
    JSON.parse(before).sub,
  );
});

story(
  'UI-05 UI-07 with signed UserInfo configured, only a signed response is accepted',
  APP({ config: { clientId: 'signed', userinfo: 'signed' } }),
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    await signInWith(stage, {});
    await page.see('Signed in as alice');
    const { value, ...error } = await userinfo(stage);
    assert.equal(value?.name, 'Alice Liddell', JSON.stringify(error));
    assert.equal(value.aud, 'signed');
    provider.settings.alter = (path, body) => (path === '/me' ? '{"sub":"alice"}' : body);
    assert.equal((await userinfo(stage)).code, 'userinfo_invalid', 'UI-07');
  },
);

story(
  'UI-07 a signed UserInfo response that was not requested is refused',
  APP({ config: { clientId: 'signed' } }),
  async (stage) => {
    await stage.visit();
    await signInWith(stage, {});
    await stage.page.see('Signed in as alice');
    assert.equal((await userinfo(stage)).code, 'userinfo_invalid');
  },
);

story(
  'UI-14 without an ID Token, `userinfo()` needs the expected `sub` from the app',
  APP({ config: { openid: false } }),
  async (stage) => {
    const { page } = stage;
    await stage.visit();
    await signInWith(stage, {});
    await page.see('Signed in as');
    assert.equal((await userinfo(stage)).code, 'config_error');
    assert.equal((await userinfo(stage, '{ sub: "bob" }')).code, 'userinfo_invalid');
    assert.equal((await userinfo(stage, '{ sub: "alice" }')).value?.sub, 'alice');
  },
);

story(
  'IDT-43 IDT-44 IDT-45 an authorization request holds the options of the app, and the ID Token must comply with them',
  APP(),
  async (stage) => {
    const { page, provider } = stage;
    await stage.visit();
    const refused = [
      '{ bogus: 1 }',
      '{ login_hint: "a" }',
      '{ maxAge: -1 }',
      '{ prompt: "login", params: { prompt: "none" } }',
      '{ params: { request: "x" } }',
    ];
    for (const options of refused) {
      assert.equal((await page.run(`async () => told(client.signIn(${options}))`)).code, 'config_error', options);
    }
    assert.equal(provider.count('authorization'), 0);

    await signInWith(stage, {
      loginHint: 'alice',
      uiLocales: ['de', 'en'],
      display: 'page',
      claims: { id_token: { sid: null } },
      params: { extra: 'x' },
    });
    await page.see('Signed in as alice');
    const { login_hint, ui_locales, display, claims, extra, max_age } = provider.issued.authorizations[0];
    assert.deepEqual(
      { login_hint, ui_locales, display, extra, max_age },
      { login_hint: 'alice', ui_locales: 'de en', display: 'page', extra: 'x', max_age: undefined },
    );
    assert.deepEqual(JSON.parse(claims), { id_token: { sid: null } });

    await signInWith(stage, { prompt: 'login' }, { consent: false });
    await page.see('Signed in as alice');
    const authTime = await page.run('async () => client.session.authTime');
    assert.ok(Math.abs(Date.now() / 1000 - authTime) < 60, 'IDT-45');

    await signInWith(stage, { acrValues: 'mfa' }, { login: false, consent: false });
    await page.see('id_token_invalid: the ID Token is not acceptable: acr');
  },
);

story(
  'OUT-02 OUT-03 a user who returns from the provider’s sign-out page is reported as signed out, confirmed',
  APP({ config: { postLogoutRedirectUri: '?tab=2' } }),
  async (stage) => {
    const { page, site } = stage;
    await stage.visit();
    await signInWith(stage, {});
    await page.see('Signed in as alice');
    await page.run('async () => void client.signOut()');
    await page.find('heading', 'Sign out?');
    const asked = new URL(await page.url()).searchParams;
    await page.click('button', 'Sign out');
    await page.see('Signed out');
    assert.equal(await page.url(), `${site.url}?tab=2`, 'the address keeps only parameters of the app');
    assert.deepEqual(await page.run('async () => events'), [['signed_out', true]]);
    assert.deepEqual(await stage.keys('sessionStorage'), []);
    assert.ok(asked.get('id_token_hint'), 'with it, every provider sends the user back');
  },
);

for (const [row, query] of [
  ['OUT-04', ''],
  ['OUT-05', '?state=another'],
]) {
  story(`${row} a user who returns without the expected \`state\` is signed out, unconfirmed`, APP(), async (stage) => {
    const { page, site } = stage;
    await stage.visit();
    await signInWith(stage, {});
    await page.see('Signed in as alice');
    await page.run('async () => void client.signOut()');
    await page.find('heading', 'Sign out?');
    await page.goto(`${site.url}${query}`);
    await page.see('Signed out');
    assert.deepEqual(await page.run('async () => events'), [['signed_out', false]]);
    await page.reload();
    await page.see('Signed out');
    assert.deepEqual(await page.run('async () => events'), [], 'one event');
  });
}

story('OUT-08 a `postLogoutRedirectUri` of another origin is refused', APP(), async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  await signInWith(stage, {});
  await page.see('Signed in as alice');
  for (const address of ['https://evil.test', 'javascript:1', '//evil.test']) {
    const answer = await page.run(
      `async (postLogoutRedirectUri) => told(make({ postLogoutRedirectUri }).signOut())`,
      address,
    );
    assert.equal(answer.code, 'config_error', address);
  }
  assert.equal(provider.count('revocation'), 0);
  assert.equal((await userinfo(stage)).value.sub, 'alice', 'still signed in');
});

story('a local sign-out revokes the tokens and stays on the page', APP(), async (stage) => {
  const { page, provider } = stage;
  await stage.visit();
  await signInWith(stage, {});
  await page.see('Signed in as alice');
  await page.run('async () => client.signOut({ everywhere: false })');
  assert.equal(await page.run('async () => client.session'), null);
  assert.ok(provider.count('revocation') >= 1);
  assert.equal(provider.count('end_session'), 0);
  await page.reload();
  await page.see('Signed out');
});

story(
  'OUT-13 OUT-14 OUT-15 a front-channel logout ends the session that it names, and no other',
  APP(),
  async (stage) => {
    const { browser, page, provider, site } = stage;
    await stage.visit();
    await signInWith(stage, { claims: { id_token: { sid: null } } });
    await page.see('Signed in as alice');
    const sid = await page.run('async () => client.session.claims.sid');
    assert.ok(sid, 'the ID Token has a session id');
    const first = await page.driver.getWindowHandle();
    await browser.newTab();
    const rows = [
      [{ iss: 'https://evil.test', sid }, false],
      [{ iss: provider.issuer, sid: 'x' }, false],
      [{ sid }, false],
      [{ iss: provider.issuer, sid }, true],
    ];
    for (const [query, ended] of rows) {
      await page.goto(`${site.url}?${new URLSearchParams(query)}`);
      await page.see(`Signed out by the provider: ${ended}`);
    }
    await page.driver.switchTo().window(first);
    await page.until('the end', async () => (await page.run('async () => client.session')) === null);
    assert.equal(await page.run('async () => events.at(-1)[0]'), 'signed_out');
    await page.reload();
    await page.see('Signed out');
  },
);
