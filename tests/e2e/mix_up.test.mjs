/**
 * Mix-up attacks (RFC 9700 §4.4) on a page with two clients.
 *
 * The attacker's server redirects the browser to the honest server with the same `state`, so that the honest code
 * reaches the client of the attacker's server.
 */
import assert from 'node:assert/strict';
import { startHostile } from '../support/hostile.mjs';
import { story } from '../support/stage.mjs';

/** A page with the clients of its configuration, which shows the outcome of each. */
const APP = {
  provider: startHostile,
  scripts: {
    '/www/app.js': `
      import { createClient } from '../pkg/index.js';
      const { clients: options } = await (await fetch('config.json')).json();
      const clients = options.map((one) => createClient({ allowLoopbackHttp: true, restore: 'vault', ...one }));
      const say = (what) => (document.getElementById('state').textContent = what);
      const outcomes = [];
      for (const client of clients) outcomes.push(await client.start().then((session) => session ? session.sub || 'somebody' : 'nobody', ({ code }) => code));
      for (const [index, client] of clients.entries()) {
        const button = document.createElement('button');
        button.textContent = 'Sign in at ' + (index + 1);
        button.onclick = () => client.signIn().catch(({ code }) => say('Refused: ' + code));
        document.body.prepend(button);
      }
      Object.assign(globalThis, { clients });
      say('Outcomes: ' + outcomes.join(' and '));
    `,
  },
};

const open = (stage, clients) => {
  stage.site.settings.config = { clients };
  return stage.page.goto(stage.site.url);
};

/** Removes the parameter that identifies the issuer (RFC 9207). */
const NAMELESS = { metadata: (honest) => ({ ...honest, authorization_response_iss_parameter_supported: undefined }) };

/** A client of a provider with an issuer, and one of a provider of which only the endpoints are known. */
const named = ({ issuer }, members) => ({ issuer, clientId: 'spa', api: [], scope: 'openid', ...members });
const endpointsOnly = ({ issuer }, { server, ...members } = {}) => ({
  server: { authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, ...server },
  clientId: 'spa-of-another',
  api: [`${issuer}/api/`],
  ...members,
});

/** Plays with a server of the attacker's, which redirects the browser to the honest server, with this page as redirect URI. */
async function withEvil({ provider: honest, site }, comesBackTo, play) {
  const evil = await startHostile({ origins: [site.origin] });
  site.settings.connect.push(evil.issuer);
  const forward = (response) => {
    const { query } = evil.last('/authorize');
    query.set('client_id', 'spa');
    query.set('redirect_uri', new URL(comesBackTo, site.origin).href);
    response.writeHead(302, { location: `${honest.issuer}/authorize?${query}` }).end();
  };
  evil.change = { ...NAMELESS, instead: { '/authorize': forward } };
  try {
    await play(evil);
  } finally {
    await evil.close();
  }
}

/** The user signs in at a client of the attacker's server: it is refused, and the attacker's server learns no code. */
async function refused({ page, provider: honest }, evil, index, codes) {
  await page.see('Outcomes: ');
  await page.click('button', `Sign in at ${index}`);
  const pattern = /Refused: (\w+)|Outcomes: .*\b(\w+_\w+)\b/;
  await page.until('a refusal', async () => pattern.test(await page.text()) || evil.count('/token') > 0);
  const reached = evil.requests
    .map(({ place }) => place)
    .filter((place) => !/^\/(authorize$|\.well-known\/)/.test(place));
  assert.deepEqual(reached, [], 'the attacker’s server');
  assert.equal(honest.count('/token'), 0, 'no code is redeemed');
  const [, atOnce, later] = pattern.exec(await page.text());
  assert.ok(codes.includes(atOnce ?? later), `${atOnce ?? later} is one of ${codes}`);
  for (const code of honest.issued.codes) assert.ok(!JSON.stringify(evil.requests).includes(code), 'the code');
}

const PAGES = {
  'at separate paths': ['/www/', '/www/index.html'],
  'that differ in the query only': ['/www/?one', '/www/?two'],
};

for (const [how, [one, two]] of Object.entries(PAGES)) {
  for (const [iss, change] of [
    ['with', {}],
    ['without', NAMELESS],
  ]) {
    story(
      `CB-60 P0: a client that knows only endpoints refuses a response ${iss} \`iss\` of another provider, with redirect pages ${how}`,
      APP,
      (stage) =>
        withEvil(stage, one, async (evil) => {
          stage.provider.change = change;
          await open(stage, [named(stage.provider, { redirectUri: one }), endpointsOnly(evil, { redirectUri: two })]);
          await refused(stage, evil, 2, ['iss_mismatch']);
        }),
    );
  }
}

story(
  'CB-61 P0: two providers on one redirect page must both have an issuer, whatever their metadata promise',
  APP,
  (stage) =>
    withEvil(stage, '/www/', async (evil) => {
      const server = { authorization_response_iss_parameter_supported: true };
      await open(stage, [named(stage.provider), endpointsOnly(evil, { server })]);
      await refused(stage, evil, 2, ['config_error']);
      assert.equal(evil.count('/authorize'), 0, 'the page does not leave');
    }),
);

story(
  'CB-61 P0: a client that knows only endpoints refuses a response with `iss`, even if the other client is on another page',
  APP,
  (stage) =>
    withEvil(stage, '/www/', async (evil) => {
      await open(stage, [endpointsOnly(evil)]);
      await refused(stage, evil, 1, ['iss_mismatch']);
    }),
);

story('CB-62 P0: a pending sign-in of another provider at the same redirect page is detected', APP, (stage) =>
  withEvil(stage, '/www/', async (evil) => {
    const { page, provider, site } = stage;
    provider.change = {
      instead: {
        '/authorize': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'),
      },
    };
    await open(stage, [named(provider)]);
    await page.see('Outcomes: nobody');
    await page.click('button', 'Sign in at 1');
    await page.find('heading', 'Sign in'); // and the user goes back without a response
    provider.change = NAMELESS;
    await open(stage, [endpointsOnly(evil)]);
    await refused(stage, evil, 1, ['config_error']);
    assert.equal(evil.count('/authorize'), 0, 'the page does not leave');
    await page.goto(`${site.origin}/www/style.css`);
    await page.run('async () => sessionStorage.clear()'); // the record is still there
  }),
);

story(
  'CB-63 P0: two providers with issuers are told apart even if their redirect pages differ only in the query',
  APP,
  (stage) =>
    withEvil(stage, '/www/?one', async (evil) => {
      stage.provider.change = NAMELESS;
      await open(stage, [
        named(stage.provider, { redirectUri: '/www/?one' }),
        named(evil, { redirectUri: '/www/?two' }),
      ]);
      await refused(stage, evil, 2, ['iss_mismatch', 'config_error']);
    }),
);

for (const [beside, redirectUri] of [
  ['alone', undefined],
  ['beside a provider with an issuer, on a separate redirect page', '/www/?two'],
]) {
  story(`CB-64 P1: a client that knows only endpoints signs in, ${beside}`, APP, async (stage) => {
    const { page, provider: other, site } = stage;
    const honest = await startHostile({ origins: [site.origin] });
    honest.change = NAMELESS;
    site.settings.connect.push(honest.issuer);
    try {
      await open(stage, [endpointsOnly(honest, { redirectUri }), ...(redirectUri ? [named(other)] : [])]);
      await page.see('Outcomes: nobody');
      await page.click('button', 'Sign in at 1');
      await page.see('Outcomes: somebody');
      assert.equal(
        await page.run('async (url) => (await clients[0].fetch(url)).status', `${honest.issuer}/api/me`),
        200,
      );
      assert.deepEqual(honest.last('/token').form.redirect_uri, new URL(redirectUri ?? '/www/', site.origin).href);
      assert.equal(new URL(await page.url()).origin + new URL(await page.url()).pathname, site.url);
    } finally {
      await honest.close();
    }
  });
}
