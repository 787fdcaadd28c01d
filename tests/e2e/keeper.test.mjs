/** The keeper: sessions outlive the vault in memory, and no script of a page gets them. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { OPEN, PERMISSIVE } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';

const LASTING = { ...OPEN, differs: ['lasting', 'keeper'] };
const KEPT = { ...OPEN, differs: ['keeper'] };

/** The number of requests to the provider. The API makes those for introspection. */
const made = ({ provider }) => provider.requests.filter(({ path }) => !path.includes('introspection')).length;

/** Plays steps after a sign-in, and checks that the session is there after each of them without a request to the provider. */
async function keepsSession(stage, steps) {
  const before = await signedIn(stage);
  if (stage.lacks('lasting') && stage.lacks('keeper')) return;
  for (const step of steps) {
    await step(stage);
    await stage.restored();
    assert.equal(made(stage), before, `${step}`);
  }
  assert.equal(await stage.page.run(`async () => (await client.fetch(api + 'me')).status`), 200);
}

/**
 * Signs in, and waits until the keeper has the session: the first sign-in of a browser registers it, which takes a moment. No page
 * can see whether it has. Returns the number of requests to the provider until then.
 */
async function signedIn(stage) {
  await stage.signIn();
  for (let reloads = 0; reloads < 5 && !stage.lacking.get('keeper'); reloads += 1) {
    const before = made(stage);
    await stage.page.reload();
    await stage.restored();
    if (made(stage) === before) break;
  }
  return made(stage);
}

/** Another page of the site, which does not load the library. */
const style = ({ site }) => `${site.origin}/www/style.css`;

const reload = ({ page }) => page.reload();
const follow = ({ page, site }) => page.goto(`${site.url}?page=${Math.random()}`);

story('KEEP-01 P0: ten reloads in a row need no request to the provider', LASTING, (stage) =>
  keepsSession(stage, Array(10).fill(reload)),
);

story('KEEP-02 P0: a walk through the pages of a site needs no request to the provider', LASTING, (stage) =>
  keepsSession(stage, Array(10).fill(follow)),
);

/** An app of several documents with one redirect page: it loads the document of the address to which `start()` has returned. */
const DOCUMENTS = {
  '/www/app.js': OPEN.scripts['/www/app.js'].replace(
    'const session = await client.start();',
    `const { pathname } = location;
    const session = await client.start();
    if (location.pathname !== pathname) {
      location.reload();
      await new Promise(() => {});
    }`,
  ),
};

story(
  'KEEP-50 P0: an app that reloads right after the sign-in has the session then',
  { ...LASTING, scripts: DOCUMENTS },
  async (stage) => {
    const { page, provider, site } = stage;
    site.settings.pages.push('/www/album.html');
    site.settings.config.redirectUri = '/www/';
    await page.goto(`${site.origin}/www/album.html?page=2#end`);
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await stage.login();
    await stage.consent();
    await page.see('Signed in as alice');
    assert.equal(await page.url(), `${site.origin}/www/album.html?page=2#end`);
    if (stage.lacks('lasting') && stage.lacks('keeper')) return;
    assert.equal(provider.count('authorization'), 1, 'no silent sign-in');
  },
);

story('KEEP-04 P1: the keeper still has the session after 45 seconds without a message', KEPT, async (stage) => {
  const before = await signedIn(stage);
  if (stage.lacks('keeper')) return;
  await sleep(45_000);
  await stage.page.reload();
  await stage.restored();
  assert.equal(made(stage), before);
});

story('KEEP-05 P0: a renewal is kept, too: the next page does not use an old refresh token', KEPT, async (stage) => {
  const { page } = stage;
  await signedIn(stage);
  const before = stage.provider.count('authorization');
  for (let round = 0; round < 3; round += 1) {
    await page.run('async () => void (await client.refresh())');
    if (!stage.lacks('keeper')) await page.reload();
    await stage.restored();
  }
  assert.equal(stage.provider.count('authorization'), before);
});

story('KEEP-06 P0: after a sign-out the keeper has nothing', KEPT, async (stage) => {
  const { page } = stage;
  await signedIn(stage);
  if (stage.lacks('keeper')) return;
  await page.run('async () => client.signOut({ everywhere: false })');
  await page.reload();
  await page.see('Signed out');
  assert.equal(await page.run(`async () => client.fetch(api + 'me').catch((error) => error.code)`), 'login_required');
});

story(
  'KEEP-07 P1: a site that forbids service workers loses nothing but the keeper',
  { ...KEPT, keeper: false },
  async (stage) => {
    await stage.signIn('alice', { shown: true });
    await stage.page.reload();
    await stage.restored();
    assert.equal(stage.provider.count('authorization'), stage.lacks('keeper') ? 1 : 2);
  },
);

/** Takes everything that it is sent. */
const FOREIGN = `onmessage = ({ data, ports }) => {
  new BroadcastChannel('loot').postMessage(JSON.stringify(data));
  ports[0]?.postMessage({});
};
oninstall = () => skipWaiting();`;

/** What a worker of the attacker does: ask the keeper, as the vault does. */
const ASKS = `(async (name, scope) => {
  const loot = (text) => new BroadcastChannel('loot').postMessage(text);
  const { serviceWorker } = navigator;
  const find = () => serviceWorker?.getRegistration(scope);
  const registration = await serviceWorker?.register(new URL('../worker.js', scope), { scope }).catch(find);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => loot(JSON.stringify(data));
  if (!registration?.active) return;
  registration.active.postMessage({ name }, [port2]);
  loot('asked');
})`;

const ATTACKED = {
  ...KEPT,
  policies: { page: PERMISSIVE },
  scripts: {
    ...OPEN.scripts,
    '/foreign.js': FOREIGN,
    '/pkg/wasm/other.js': `${ASKS}(self.name, new URL('keeper/', self.location).href);`,
    '/pkg/wasm/keeper/frame': { text: '<!doctype html><title>A frame in the scope</title>', type: 'text/html' },
  },
};

/** Attempts of a script of the page to get what the keeper holds. */
const ATTEMPTS = `async (name) => {
  const scope = new URL('/pkg/wasm/keeper/', location.href).href;
  const folder = new URL('/pkg/wasm/', location.href).href;
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  // In WebKit, \`getRegistration\` may not find what another process has registered.
  const registration = await navigator.serviceWorker.register(folder + 'worker.js', { scope });
  while (!registration.active) await pause(20);
  const found = [];
  globalThis.loot = new BroadcastChannel('loot');
  loot.onmessage = ({ data }) => found.push(data);
  const ask = (container, from) => {
    const { port1, port2 } = new container.MessageChannel();
    port1.onmessage = ({ data }) => found.push(from + JSON.stringify(data));
    registration.active.postMessage({ name }, [port2]);
    registration.active.postMessage({ name, deposit: 'forged' });
  };
  ask(globalThis, 'page');
  const script = ${JSON.stringify(ASKS)} + '(' + JSON.stringify(name) + ',' + JSON.stringify(scope) + ');';
  const blob = (text, type = 'text/javascript') => URL.createObjectURL(new Blob([text], { type }));
  for (const url of [blob(script), 'data:text/javascript,' + encodeURIComponent(script)]) {
    for (const type of ['classic', 'module'])
      for (const Kind of [Worker, SharedWorker])
        try { new Kind(url, { type, name }); } catch {}
  }
  const imports = 'import ' + JSON.stringify(folder + 'worker.js') + ';' + script;
  new Worker(blob(imports), { type: 'module', name });
  const started = [];
  for (const file of ['worker.js', 'worker.js?x', 'worker.js#x', 'other.js']) {
    for (const [Kind, as] of [[Worker, name], [SharedWorker, name + ' '], [SharedWorker, 'x true']]) {
      const worker = new Kind(folder + file, { type: 'module', name: as });
      worker.onmessage = ({ data }) => found.push(JSON.stringify(data));
      if (worker.port) worker.port.onmessage = worker.onmessage;
      started.push(worker);
    }
  }
  for (const src of [scope + 'frame', folder + 'worker.js', scope + 'absent', 'about:blank', blob('<title>x', 'text/html')]) {
    const frame = document.body.appendChild(document.createElement('iframe'));
    await new Promise((resolve) => { frame.onload = resolve; frame.src = src; setTimeout(resolve, 1000); });
    try { frame.contentWindow.history.pushState(null, '', folder + 'worker.js'); } catch {}
    try { ask(frame.contentWindow, src); } catch {}
  }
  await pause(1500);
  return found;
}`;

/** Runs in a page without the library. */
const ASKS_ALONE = `async (name) => {
  const found = [];
  const loot = new BroadcastChannel('loot');
  loot.onmessage = ({ data }) => found.push(data);
  new SharedWorker('/pkg/wasm/other.js', { type: 'module', name });
  for (let waited = 0; !found.includes('asked') && waited < 5000; waited += 50) await new Promise((resolve) => setTimeout(resolve, 50));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  return found;
}`;

story('KEEP-10 P0: a script of the page gets nothing from the keeper', ATTACKED, async (stage) => {
  const { page } = stage;
  const before = await signedIn(stage);
  if (stage.lacks('keeper')) return;
  const found = await page.run(ATTEMPTS, await nameOf(stage));
  assert.ok(found.includes('asked'), 'workers of the attacker reach the keeper');
  assert.deepEqual(
    found.filter((text) => /access_token|clients|refresh/.test(text)),
    [],
  );
  // While no vault lives, another script of the folder asks, as a shared worker with the vault's name.
  await page.goto(style(stage));
  const answers = await page.run(ASKS_ALONE, await nameOf(stage));
  assert.ok(answers.includes('asked'));
  assert.deepEqual(
    answers.filter((text) => text !== 'asked'),
    [],
  );
  await page.goto(stage.site.url);
  await stage.restored();
  assert.equal(made(stage), before, 'the session was not taken away either');
});

story('KEEP-11 P0: a foreign service worker in place of the keeper gets nothing', ATTACKED, async (stage) => {
  const { page } = stage;
  await stage.signIn('alice', { shown: true });
  if (stage.lacks('keeper')) return;
  const found = await page.run(`async () => {
    const found = [];
    globalThis.loot = new BroadcastChannel('loot');
    loot.onmessage = ({ data }) => found.push(data);
    const registration = await navigator.serviceWorker.register('/foreign.js', { scope: '/pkg/wasm/keeper/' });
    while (registration.active?.scriptURL !== new URL('/foreign.js', location.href).href) await new Promise((resolve) => setTimeout(resolve, 20));
    registration.active.postMessage('ready');
    while (!found.length) await new Promise((resolve) => setTimeout(resolve, 20));
    await client.refresh();
    await client.refresh();
    await new Promise((resolve) => setTimeout(resolve, 500));
    return found;
  }`);
  assert.deepEqual(found, ['"ready"']);
  await page.reload();
  await stage.restored();
  assert.equal(stage.provider.count('authorization'), 2, 'the session was lost, so the provider was asked');
  await page.reload();
  await stage.restored();
  assert.equal(stage.provider.count('authorization'), 2, 'the genuine keeper is back');
});

story('KEEP-12 P1: unregistering the keeper costs at most one silent sign-in', KEPT, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  if (stage.lacks('keeper')) return;
  // In WebKit, the promise of `unregister` can stay pending.
  await page.run(`async () => {
    const registration = await navigator.serviceWorker.register('/pkg/wasm/worker.js', { scope: '/pkg/wasm/keeper/' });
    registration.unregister();
  }`);
  await page.reload();
  await stage.restored();
  assert.ok(stage.provider.count('authorization') <= 2);
});

story(
  'KEEP-13 P1: news that end the session reach the keeper while no vault lives',
  {
    ...KEPT,
    scripts: {
      ...OPEN.scripts,
      '/pkg/wasm/keeper/page': { text: '<!doctype html><title>Elsewhere</title>', type: 'text/html' },
    },
  },
  async (stage) => {
    const { page, provider, site } = stage;
    await signedIn(stage);
    if (stage.lacks('keeper')) return;
    await page.goto(`${site.origin}/pkg/wasm/keeper/page`);
    await page.run(
      `async (issuer) => {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const news = { news: 'ended', provider: issuer, clientId: 'demo', signIns: 'end' };
      new BroadcastChannel('valet-key').postMessage(JSON.stringify(news));
      await new Promise((resolve) => setTimeout(resolve, 500));
      localStorage.clear();
    }`,
      provider.issuer,
    );
    await page.goto(site.url);
    await page.see('Signed out');
  },
);

/** An app that signs the user out at `?leaves`, before anything else, and leaves at once. */
const LEAVING = {
  ...KEPT,
  scripts: {
    '/www/app.js': OPEN.scripts['/www/app.js'].replace(
      'const session =',
      "if (location.search === '?leaves') { client.signOut({ everywhere: false }); location.assign('style.css'); }\n$&",
    ),
  },
};

story('KEEP-14 P0: a page that is left right after `signOut` was called signs the user out', LEAVING, async (stage) => {
  const { page, provider, site } = stage;
  await signedIn(stage);
  stage.lacks('keeper');
  // The last page is gone, and so is the vault. The next page calls `signOut` first of all, and is left at once.
  await page.goto(style(stage));
  await page.goto(`${site.url}?leaves`);
  await page.until('the other page', async () => (await page.url()) === style(stage));
  await page.goto(site.url);
  await page.see('Signed out');
  await page.until('the revocation', () => provider.count('revocation') > 0);
  assert.equal(await page.run(`async () => client.fetch(api + 'me').catch((error) => error.code)`), 'login_required');
});

story('KEEP-16 P1: two reloads in quick succession keep the session', KEPT, async (stage) => {
  const { page, site } = stage;
  const before = await signedIn(stage);
  if (stage.lacks('keeper')) return;
  for (let round = 0; round < 5; round += 1) {
    await page.goto(`${site.url}?again`);
    await page.reload();
    await stage.restored();
  }
  assert.equal(made(stage), before);
});

story('KEEP-17 P1: a module that cannot be loaded at first costs no session', KEPT, async (stage) => {
  const { page, site } = stage;
  const before = await signedIn(stage);
  if (stage.lacks('keeper')) return;
  const { scripts } = site.settings;
  site.settings.scripts = { ...scripts, '/pkg/wasm/valet_key.wasm': null };
  await page.goto(`${site.url}?broken`);
  await page.until('the failure', () =>
    page.run(`async () => globalThis.client?.start().then(() => true, (error) => error.code === 'config_error')`),
  );
  site.settings.scripts = scripts;
  const session = await page.run('async () => (await client.start())?.sub');
  assert.equal(session, 'alice');
  assert.equal(made(stage), before);
});

/** The name of the page's shared worker, which contains the version of the package. */
async function nameOf({ page }) {
  const version = await page.run(`async () => (await (await fetch('/pkg/package.json')).json()).version`);
  return `valet-key ${version} true`;
}
