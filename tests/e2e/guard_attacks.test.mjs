/** Attacks on the guard: scripts that were in the page first, that take its place, or that run a sign-in of their own. */
import assert from 'node:assert/strict';
import { app } from '../support/app.mjs';
import { PERMISSIVE } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';

const CALL = "client.fetch(config.api[0] + 'me')";

const ATTACKED = {
  guard: { scope: 'openid profile' },
  everyEngine: true,
  scripts: {
    ...app({
      exposed: true,
      buttons: { Me: CALL, Leave: 'client.signOut()', Elsewhere: "client.signIn({ returnTo: '/www/alone.html' })" },
    }),
    '/www/alone.html': { text: '<!doctype html><title>Alone</title><p>A page without the library', type: 'text/html' },
    '/pkg/guard/other.js': `(${asks})(new URL('./', self.location).href, 'other.js');`,
  },
  policies: { page: PERMISSIVE },
};

/** Asks the guard for everything that waits, as the vault does. Runs in workers and frames of the attacker. */
async function asks(folder, who) {
  const loot = new BroadcastChannel('loot');
  try {
    const { version } = await (await fetch(`${folder}../package.json`)).json();
    const name = `valet-key ${version} true`;
    const requests = ['', 'vk.any', globalThis.flow ?? ''].map((flow) => ['take', flow]);
    for (const message of [{ name }, { name, deposit: 'forged' }]) requests.push(['keep', JSON.stringify(message)]);
    for (const [service, body] of requests) {
      const response = await fetch(`${folder}guard/${service}`, { method: 'POST', body });
      loot.postMessage(`${who} ${response.status} ${(await response.text()).slice(0, 2000)}`);
    }
  } catch (error) {
    loot.postMessage(`${who} ${error.name}`);
  }
}

/** With a host that sends the browser on from the redirect page: a sandboxed frame, or an unregistered guard, leaves no code in a history. */
const SENT_ON = { ...ATTACKED, policies: { ...ATTACKED.policies, sendsOn: true } };

/** The address of the guard's redirect page. */
const callback = ({ site }) => `${site.origin}/pkg/guard/callback.html`;

const asked = ({ provider }) => [provider.count('authorization'), provider.count('token')];

async function start(stage) {
  await stage.page.goto(stage.site.url);
  await stage.page.see('Signed out');
}

async function atProvider(stage) {
  await stage.login();
  await stage.consent();
}

async function signIn(stage) {
  await start(stage);
  await stage.page.click('button', 'Sign in');
  await atProvider(stage);
  await stage.page.see('Signed in as alice');
}

/** Attempts of a script to take what waits in the guard. */
const ATTEMPTS = `async () => {
  const folder = new URL('/pkg/guard/', location.href).href;
  const [key] = Object.keys(sessionStorage).filter((key) => key.startsWith('valet-key:tx:'));
  globalThis.flow = key.split(' :')[1];
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const found = [];
  globalThis.loot = new BroadcastChannel('loot');
  loot.onmessage = ({ data }) => found.push(data);
  const asks = ${asks};
  const source = (who) => 'globalThis.flow = ' + JSON.stringify(flow) + ';(' + asks + ')(' + JSON.stringify(folder) + ',' + JSON.stringify(who) + ');';
  const blob = (text, type = 'text/javascript') => URL.createObjectURL(new Blob([text], { type }));
  await asks(folder, 'page');
  for (const url of [blob(source('blob worker')), 'data:text/javascript,' + encodeURIComponent(source('data worker'))])
    for (const type of ['classic', 'module'])
      for (const Kind of [Worker, SharedWorker])
        try { new Kind(url, { type }); } catch {}
  try { new Worker(blob('import ' + JSON.stringify(folder + 'worker.js') + ';' + source('importing worker')), { type: 'module' }); } catch {}
  for (const [file, Kind] of [['worker.js', Worker], ['worker.js?x', SharedWorker], ['worker.js#x', Worker], ['other.js', Worker], ['other.js', SharedWorker]]) {
    const worker = new Kind(folder + file, { name: 'x true' });
    const port = worker.port ?? worker;
    const channel = new MessageChannel();
    channel.port1.onmessage = ({ data }) => found.push(file + ' ' + JSON.stringify(data));
    port.postMessage({ port: channel.port2, wasmUrl: folder + 'valet_key.wasm' }, [channel.port2]);
    channel.port1.postMessage({ id: 1, op: 'configure', options: { guard: folder } });
    channel.port1.postMessage({ id: 2, op: 'complete', address: '', state: 'vk.other', pending: true, shared: false });
  }
  const documents = ['guard/done', 'worker.js', 'callback.html', 'guard/absent', 'options.json'].map((path) => folder + path);
  for (const src of [...documents, 'about:blank', blob('<title>x', 'text/html')]) {
    const frame = document.body.appendChild(document.createElement('iframe'));
    await new Promise((resolve) => { frame.onload = resolve; frame.src = src; setTimeout(resolve, 1000); });
    try { frame.contentWindow.history.pushState(null, '', folder + 'worker.js'); } catch {}
    try {
      frame.contentWindow.flow = flow;
      frame.contentWindow.eval(source('frame ' + src));
    } catch {}
    try {
      const script = frame.contentDocument.createElement('script');
      script.textContent = source('script in ' + src);
      frame.contentDocument.documentElement.append(script);
    } catch {}
  }
  for (const path of ['guard/go?x', 'callback.html?code=x&state=y', 'guard/done'])
    for (const redirect of ['follow', 'manual'])
      try { found.push('fetch ' + path + ' ' + (await (await fetch(folder + path, { redirect })).text()).slice(0, 300)); } catch {}
  await pause(1500);
  return found;
}`;

story('GUARD-20 P0: what waits for the vault is given to nobody else', ATTACKED, async (stage) => {
  const { page, site } = stage;
  await start(stage);
  await page.click('button', 'Elsewhere');
  await atProvider(stage);
  await page.see('A page without the library');
  await page.until('the token response', async () => stage.provider.count('token') === 1);
  const found = await page.run(ATTEMPTS);
  assert.ok(
    found.some((text) => text.startsWith('page 4')),
    'the page itself is refused',
  );
  assert.ok(
    found.some((text) => text.startsWith('other.js 403')),
    'a worker in the scope reaches the guard, and is refused',
  );
  const loot = (found) => found.filter((text) => /handover|access_token|code_verifier|clients|refresh/.test(text));
  assert.deepEqual(loot(found), []);
  await page.goto(site.url);
  await page.see('Signed in as alice');
  // Now the guard has the session of this vault.
  assert.deepEqual(
    loot(
      await page.run(`async () => {
    sessionStorage.setItem('valet-key:tx:x :vk.x', '{}');
    return (${ATTEMPTS})();
  }`),
    ),
    [],
  );
  assert.deepEqual(asked(stage), [1, 1], 'the vault gets what has waited');
});

/** Runs the genuine file, and passes on what it fetches. */
const WRAPPER = `const fetched = fetch;
globalThis.fetch = async (...args) => {
  const response = await fetched(...args);
  if (!/wasm$/.test(args[0])) new BroadcastChannel('loot').postMessage(args[0] + ' ' + response.status + ' ' + (await response.clone().text()));
  return response;
};
importScripts(SCRIPT);`;

/** Replaces the constructor of shared workers. `address` is an expression for the address of another script. */
const instead = (address) => `
  const Native = SharedWorker;
  const wrapper = (url) => ${JSON.stringify(WRAPPER)}.replace('SCRIPT', JSON.stringify(String(url)));
  globalThis.SharedWorker = class extends Native {
    constructor(url, { name }) { super(${address}, { name }); }
  };
  globalThis.seen = [];
  new BroadcastChannel('loot').onmessage = ({ data }) => seen.push(data);
`;

// The genuine file does not start below a `blob:`. A file of the origin's is what an attacker could hope for at most.
for (const [which, address, started] of [
  ['blob:', "URL.createObjectURL(new Blob([wrapper(url)], { type: 'text/javascript' }))", false],
  ['file', "'/pkg/guard/wrapper.js'", true],
])
  story(
    `GUARD-21 P0: a script that runs first and puts its own worker (${which}) in place of the vault gets nothing`,
    {
      ...ATTACKED,
      attack: instead(address),
      policies: { page: PERMISSIVE.replace('blob:', "'wasm-unsafe-eval' blob:") },
      scripts: { ...ATTACKED.scripts, '/pkg/guard/wrapper.js': WRAPPER.replace('SCRIPT', "'/pkg/guard/worker.js'") },
    },
    async (stage) => {
      const { page } = stage;
      await page.goto(stage.site.url);
      await page.until('the app', () => page.run('async () => globalThis.isStarted === true'));
      assert.equal(/Told: config_error/.test(await page.text()), !started);
      if (!started) return assert.deepEqual(await page.run('async () => seen'), []);
      await page.click('button', 'Sign in');
      await atProvider(stage);
      await page.see('Told: config_error');
      await page.see('Signed out');
      const seen = await page.run('async () => seen');
      assert.ok(
        seen.some((text) => /guard\/take 403/.test(text)),
        'the wrapper reads what the vault fetches',
      );
      assert.deepEqual(
        seen.filter((text) => /handover|access_token|code_verifier/.test(text)),
        [],
      );
      assert.deepEqual(asked(stage), [1, 1], 'the token response reaches nobody');
    },
  );

for (const [how, attack] of [
  ['refuses', 'async () => { throw new DOMException("no", "SecurityError"); }'],
  ['lies', 'async (script, { scope }) => ({ scope, active: { scriptURL: String(script) } })'],
])
  story(
    `GUARD-22 P0: a script whose \`register\` ${how} keeps the guard away, and nothing starts`,
    {
      ...ATTACKED,
      attack: `ServiceWorkerContainer.prototype.register = ${attack};`,
    },
    async (stage) => {
      const { page } = stage;
      await page.goto(stage.site.url);
      await page.until('the app', () => page.run('async () => globalThis.isStarted === true'));
      await page.run('async () => void client.signIn().catch(() => {})');
      await page.run('async () => new Promise((resolve) => setTimeout(resolve, 1000))').catch(() => {});
      assert.deepEqual(asked(stage), [0, 0]);
      await page.goto(stage.site.url);
    },
  );

story(
  'GUARD-23 P0: unregistering the guard while the user is at the provider shows no script the code',
  SENT_ON,
  async (stage) => {
    const { page, site } = stage;
    await start(stage);
    await page.click('button', 'Sign in');
    await stage.login();
    const { driver } = page;
    const first = await driver.getWindowHandle();
    const second = await stage.browser.newTab();
    await page.goto(`${site.origin}/www/alone.html`);
    // In WebKit, the promise of \`unregister\` can stay pending.
    await page.run(`async () => {
    const registration = await navigator.serviceWorker.register('/pkg/guard/worker.js', { scope: '/pkg/guard/' });
    registration.unregister();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }`);
    await driver.close();
    await driver.switchTo().window(first);
    assert.notEqual(first, second);
    await stage.consent();
    await page.see(/Sign in again|Signed in as alice/);
    if (/Sign in again/.test(await page.text())) {
      assert.equal(await page.run('async () => self.origin'), 'null', 'the page is sealed');
      assert.equal(stage.provider.count('token'), 0);
      await page.goto(site.url);
      await page.see('Signed out');
    }
  },
);

story(
  'GUARD-24 P0: a foreign service worker for the folder is replaced before the app signs in',
  {
    ...ATTACKED,
    scripts: {
      ...ATTACKED.scripts,
      '/pkg/guard/foreign.js': `
      onfetch = ({ request }) => new BroadcastChannel('loot').postMessage(request.url);
      oninstall = () => skipWaiting();
    `,
    },
  },
  async (stage) => {
    const { page, site } = stage;
    await page.goto(`${site.origin}/www/alone.html`);
    await page.run(`async () => {
    const registration = await navigator.serviceWorker.register('/pkg/guard/foreign.js', { scope: '/pkg/guard/' });
    while (!registration.active) await new Promise((resolve) => setTimeout(resolve, 20));
  }`);
    await signIn(stage);
    await page.click('button', 'Me');
    await page.see('Told: 200');
  },
);

/** RFC 7636, appendix B. */
const OWN_CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

/** An authorization request of the attacker's own, with a verifier of its own. */
const ownRequest = (stage, more) =>
  `${stage.provider.issuer}/auth?${new URLSearchParams({
    response_type: 'code',
    client_id: 'demo',
    redirect_uri: callback(stage),
    scope: 'openid profile',
    code_challenge: OWN_CHALLENGE,
    code_challenge_method: 'S256',
    prompt: 'none',
    ...more,
  })}`;

/** A sign-in of the attacker's own, with a verifier of its own, in frames. Returns the addresses that it read. */
const OWN_FLOW = `async (addresses) => {
  const read = [];
  const attempt = (action) => { try { read.push(...action()); } catch {} };
  for (const [url, sandbox] of addresses.flatMap((url) => [[url, null], [url, 'allow-scripts']])) {
    const frame = document.body.appendChild(document.createElement('iframe'));
    if (sandbox) frame.setAttribute('sandbox', sandbox);
    frame.src = url;
    const look = () => attempt(() => [frame.contentWindow.location.href, frame.contentDocument.referrer]);
    const looking = setInterval(look, 1);
    frame.onload = look;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const collect = () => {
      look();
      attempt(() => frame.contentWindow.performance.getEntries().map(({ name }) => name));
      attempt(() => frame.contentWindow.navigation.entries().map(({ url }) => url));
    };
    collect();
    frame.removeAttribute('sandbox');
    frame.src = '/www/alone.html';
    await new Promise((resolve) => setTimeout(resolve, 500));
    collect();
    clearInterval(looking);
    frame.remove();
  }
  return read.filter(Boolean);
}`;

story(
  'GUARD-25 P0: a script’s own sign-in comes back to the guard, and the script reads no code',
  SENT_ON,
  async (stage) => {
    const { page, provider, site } = stage;
    await signIn(stage);
    const carried = {
      flow: 'vk.own',
      to: '/www/alone.html',
      scope: '',
      restores: false,
      second: false,
      started: Date.now(),
      params: 'prompt=none',
    };
    const forged = `vk.random.${Buffer.from(JSON.stringify(carried)).toString('base64url')}`;
    const authorize = (more) =>
      `${provider.issuer}/auth?${new URLSearchParams({
        response_type: 'code',
        client_id: 'demo',
        redirect_uri: callback(stage),
        scope: 'openid profile',
        code_challenge: OWN_CHALLENGE,
        code_challenge_method: 'S256',
        prompt: 'none',
        ...more,
      })}`;
    const before = provider.issued.codes.size;
    const read = await page.run(OWN_FLOW, [
      authorize({ state: 'own' }),
      authorize({ state: forged }),
      authorize({ state: 'own', response_mode: 'fragment' }),
      authorize({ state: forged, response_mode: 'fragment' }),
    ]);
    assert.ok(provider.issued.codes.size > before, 'the provider has answered');
    assert.ok(
      read.some((text) => text.endsWith('/www/alone.html')),
      'the script reads addresses',
    );
    const isOfOrigin = (text) => text.startsWith(site.origin);
    assert.deepEqual(
      read.filter((text) => isOfOrigin(text) && /[?#&](code|state)=/.test(text)),
      [],
    );
    // The attacker's own challenge is no secret of the guard's.
    provider.issued.authorizations = provider.issued.authorizations.filter(
      ({ code_challenge: challenge }) => challenge !== OWN_CHALLENGE,
    );
    await page.click('button', 'Me');
    await page.see('Told: 200');
  },
);

story('GUARD-29 P0: other registrations of the guard’s file keep no request from it', ATTACKED, async (stage) => {
  const { page, site } = stage;
  await page.goto(`${site.origin}/www/alone.html`);
  for (const scope of ['callback.html', 'guard/', 'worker.js']) {
    await page.run(
      `async (scope) => {
        await navigator.serviceWorker.register('/pkg/guard/worker.js', { scope: '/pkg/guard/' + scope });
        await new Promise((resolve) => setTimeout(resolve, 200));
      }`,
      scope,
    );
  }
  await signIn(stage);
  assert.deepEqual(asked(stage), [1, 1]);
});

story('GUARD-26 P0: two tabs sign in at once', ATTACKED, async (stage) => {
  const { page } = stage;
  const { driver } = page;
  await start(stage);
  await page.click('button', 'Sign in');
  await page.find('heading', 'Sign in');
  const first = await driver.getWindowHandle();
  await stage.browser.newTab();
  await start(stage);
  await page.click('button', 'Sign in');
  await atProvider(stage);
  await page.see('Signed in as alice');
  await driver.switchTo().window(first);
  await stage.login();
  await page.see('Signed in as alice');
  assert.deepEqual(asked(stage), [2, 2]);
});

story('GUARD-27 P0: two clients of one origin have a folder and a guard each', ATTACKED, async (stage) => {
  const { page } = stage;
  await signIn(stage);
  const second = await page.run(`async () => {
    const { createClient } = await import('/pkg/index.js');
    const client = createClient({ guard: '/second/' });
    const session = await client.start();
    globalThis.second = client;
    return session;
  }`);
  assert.equal(second, null);
  await page.run('async () => void second.signIn({ returnTo: "/www/alone.html" })');
  await stage.consent();
  await page.see('A page without the library');
  const [both, status] = await page.run(`async () => {
    const { createClient } = await import('/pkg/index.js');
    const clients = ['/second/', '/pkg/guard/'].map((guard) => createClient({ guard }));
    const sessions = [];
    for (const client of clients) sessions.push((await client.start())?.sub);
    return [sessions, (await clients[0].fetch(${JSON.stringify(`${stage.api.url}me`)})).status];
  }`);
  assert.deepEqual(both, ['alice', 'alice']);
  assert.equal(status, 200);
});

story(
  'GUARD-28 P0: a sign-out in another tab ends the sign-in of a user who is at the provider',
  ATTACKED,
  async (stage) => {
    const { page } = stage;
    const { driver } = page;
    await signIn(stage);
    const first = await driver.getWindowHandle();
    await stage.browser.newTab();
    await page.goto(stage.site.url);
    await page.see('Signed in as alice');
    await page.run('async () => void client.signIn({ prompt: "login" })');
    await page.find('heading', 'Sign in');
    const second = await driver.getWindowHandle();
    await driver.switchTo().window(first);
    await page.run('async () => client.signOut({ everywhere: false })');
    await page.see('Signed out');
    await driver.switchTo().window(second);
    await atProvider(stage);
    await page.see(/Signed (in|out)/);
    await page.see('Signed out');
  },
);

/**
 * A sign-in of the attacker's own in a frame, whose way back a policy of the attacker's blocks. Returns the addresses that the
 * event names.
 */
const BLOCKED_FLOW = `async (url) => {
  const named = [];
  addEventListener('securitypolicyviolation', ({ blockedURI }) => named.push(blockedURI));
  const meta = document.createElement('meta');
  meta.httpEquiv = 'Content-Security-Policy';
  meta.content = 'frame-src ' + new URL(url).origin;
  document.head.append(meta);
  const frame = document.body.appendChild(document.createElement('iframe'));
  frame.src = url;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  frame.remove();
  return named;
}`;

const FRAMELESS = PERMISSIVE.replace(/frame-src[^;]*/, "frame-src 'none'; object-src 'none'");

for (const [title, options, isNamed] of [
  [
    'GUARD-30 P1, a limit: a policy of a script’s own can name the code of its own sign-in',
    { ...ATTACKED, everyEngine: false },
    true,
  ],
  [
    'GUARD-31 P1: the policy of a site without frames keeps that code from the script',
    { ...ATTACKED, policies: { page: FRAMELESS } },
    false,
  ],
])
  story(title, options, async (stage) => {
    const { page } = stage;
    await signIn(stage);
    const named = await page.run(BLOCKED_FLOW, ownRequest(stage, { state: 'own' }));
    assert.ok(named.length > 0, 'the frame is blocked');
    assert.equal(
      named.some((address) => address.includes('code=')),
      isNamed,
    );
    // What follows is the attacker's own.
    const { issued } = stage.provider;
    issued.authorizations = issued.authorizations.filter(
      ({ code_challenge: challenge }) => challenge !== OWN_CHALLENGE,
    );
    issued.codes.clear();
  });
