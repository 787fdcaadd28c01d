/**
 * A script that replaces functions of the page after the library has loaded and before the app creates its client.
 *
 * The library keeps references to the platform's functions from the moment it was loaded. So the script gets no port,
 * worker or window of the library, sees none of its messages, and its own events have no effect.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { story } from '../support/stage.mjs';
import { startStranger } from '../support/stranger.mjs';

const THIEF = await readFile(new URL('../support/thief.js', import.meta.url), 'utf8');

/** Loads the library, and creates the client on a click, or immediately after the redirect back from the provider. */
const APP = {
  '/www/app.js': `
    import { createClient } from '../pkg/index.js';
    const { elsewhere, ...config } = await (await fetch('config.json')).json();
    const told = document.createElement('p');
    document.body.prepend(told);
    const tell = (what) => (told.textContent = 'Told: ' + what);
    const show = (session) => (document.getElementById('state').textContent = session ? 'Signed in as ' + session.sub : 'Signed out');
    let client;
    /** What the app is told, and so any script may know. */
    Object.assign(globalThis, { events: [], sessions: [] });
    const actions = {
      Begin: async () => {
        client = createClient({ ...config, scope: 'openid profile' });
        client.addEventListener('change', ({ session, reason }) => (events.push(reason), sessions.push(session), show(session)));
        show(await client.start());
        return 'begun';
      },
      Popup: async () => 'popup ' + (await client.signIn({ mode: 'popup' })).sub,
      Silent: async () => 'silent ' + (await client.signIn({ mode: 'silent' })).sub,
      Call: async () => 'call ' + (await client.fetch(config.api[0] + 'me')).status,
      Elsewhere: async () => 'call ' + (await client.fetch(elsewhere)).status,
      Renew: async () => 'renewed ' + (await client.refresh()).sub,
      Leave: async () => 'left ' + (await client.signOut({ everywhere: false })),
    };
    for (const [name, action] of Object.entries(actions)) {
      const button = document.createElement('button');
      button.textContent = name;
      button.onclick = () => action().then(tell, (error) => tell(error.code ?? error));
      document.body.prepend(button);
    }
    document.getElementById('state').textContent = 'Ready';
    if (location.search.includes('state=')) actions.Begin();
  `,
};

/**
 * Opens the page and waits until the library is loaded, without the spy of other stories, because the script would
 * capture what the spy sends.
 */
async function open(stage) {
  const { page, site } = stage;
  site.settings.before = site.settings.before.replace('<script src="/spy.js"></script>', '');
  await page.goto(site.url);
  await page.see('Ready');
}

const run = (stage, script) => stage.page.run(`async () => { ${script} }`);

async function press(stage, button, outcome) {
  await stage.page.click('button', button);
  await stage.page.see(`Told: ${outcome}`);
}

/** Signs in in a popup, where the script does not run: it is in this document only. */
async function popup(stage) {
  const { page } = stage;
  const { driver } = page;
  const home = await driver.getWindowHandle();
  await page.click('button', 'Popup');
  const opened = await page.until('a popup', async () =>
    (await driver.getAllWindowHandles()).find((handle) => handle !== home),
  );
  await driver.switchTo().window(opened);
  await stage.login();
  await stage.consent();
  await page.until('the popup to close', async () => (await driver.getAllWindowHandles()).length === 1);
  await driver.switchTo().window(home);
  await page.see('Told: popup alice');
}

/** What the script has found, except what the app itself receives. */
async function lootOf(stage) {
  const { issued } = stage.provider;
  const secrets = [
    ...issued.secrets(),
    ...[...issued.codes].map((code) => ['an authorization code', code]),
    ...[...issued.states].map((state) => ['a state', state]),
  ];
  const [loot, told] = await run(stage, 'thief.leave(); return [thief.loot, JSON.stringify(sessions)];');
  const named = (text) => secrets.find(([, secret]) => text.includes(secret))?.[0] ?? text.slice(0, 30);
  return loot.filter(([, text]) => !told.includes(text)).map(([where, text]) => `${where}: ${named(text)}`);
}

story(
  'the script of these stories captures what passes through the replaced functions',
  { scripts: APP },
  async (stage) => {
    await open(stage);
    await run(
      stage,
      `
    ${THIEF}
    const text = 'x'.repeat(43);
    thief.replace('channels', 'lists', 'promises', 'objects', 'tools');
    const { port1, port2 } = new MessageChannel();
    const heard = new Promise((done) => (port2.onmessage = done));
    port1.postMessage({ op: 'begin' });
    await heard;
    new Map().set('state', text + 'map');
    for (const one of [text + 'list']) one;
    await Promise.resolve(text + 'promise').then(() => {});
    (async () => await (async () => text + 'awaited')())();
    ({ kept: text + 'object' }).record;
    JSON.stringify([text + 'json']);
    const frame = document.createElement('iframe');
    document.body.append(frame);
    Reflect.get(frame.contentWindow, 'closed');
  `,
    );
    const loot = (await run(stage, 'thief.leave(); return thief.loot;')).map(([, what]) =>
      what.replace(/^.*x{43}/, ''),
    );
    const wanted = ['MessagePort', 'message "begin"', 'map', 'list', 'promise', 'awaited', 'object', 'a window'];
    assert.deepEqual(
      wanted.filter((what) => !loot.includes(what)),
      [],
    );
    assert.ok(loot.some((what) => what.startsWith('json')));
  },
);

for (const [id, families, what] of [
  ['XSS-21', ['channels'], 'ports, workers, channels and events'],
  ['XSS-22', ['lists'], 'arrays, maps, sets and their iterators'],
  ['XSS-23', ['promises'], 'promises and their constructor'],
  ['XSS-24', ['objects'], 'members of `Object.prototype`'],
  ['XSS-25', ['tools'], '`open`, `URL`, `JSON`, `Reflect`, timers and methods of functions and texts'],
  [
    'XSS-21 XSS-22 XSS-23 XSS-24 XSS-25',
    ['channels', 'lists', 'promises', 'objects', 'tools'],
    'all of these together',
  ],
]) {
  story(
    `${id} P0: a script that replaces ${what} after the library was loaded captures nothing of a popup sign-in`,
    { scripts: APP, homes: ['shared', 'dedicated'] },
    async (stage) => {
      await open(stage);
      await run(stage, `${THIEF}; thief.replace('${families.join("', '")}');`);
      await press(stage, 'Begin', 'begun');
      await popup(stage);
      await press(stage, 'Call', 'call 200');
      await press(stage, 'Renew', 'renewed alice');
      await press(stage, 'Leave', 'left');
      assert.deepEqual(await lootOf(stage), []);
    },
  );
}

story(
  'XSS-26 P0: events that a script dispatches have no effect',
  { scripts: APP, homes: ['shared', 'dedicated'] },
  async (stage) => {
    await open(stage);
    await run(stage, `${THIEF}; thief.replace('channels');`);
    await press(stage, 'Begin', 'begun');
    await popup(stage);
    await run(
      stage,
      `
    for (const data of [{ event: 'change', session: { sub: 'mallory' }, reason: 'signed_in' }, { event: 'trapped', session: null, reason: 'restarted' }]) {
      for (const target of [...thief.targets, window]) target.dispatchEvent(new MessageEvent('message', { data }));
    }
    for (const target of thief.targets) target.dispatchEvent(new Event('error'));
    dispatchEvent(new PageTransitionEvent('pagehide', { persisted: false }));
    dispatchEvent(new Event('focus'));
  `,
    );
    await press(stage, 'Renew', 'renewed alice');
    assert.deepEqual(await run(stage, 'return events;'), ['signed_in', 'renewed'], 'the vault still reaches this page');
    await stage.page.see('Signed in as alice');

    const violation =
      "new SecurityPolicyViolationEvent('securitypolicyviolation', { effectiveDirective: 'frame-src', violatedDirective: 'frame-src', disposition: 'enforce', documentURI: location.href, originalPolicy: 'none', statusCode: 0 })";
    await run(stage, `setInterval(() => dispatchEvent(${violation}), 5);`);
    await press(stage, 'Silent', 'silent alice');
  },
);

story(
  'XSS-27 P0: a script that edits lists and messages changes neither options nor sign-ins',
  { scripts: APP, homes: ['shared', 'dedicated'] },
  async (stage) => {
    const { site } = stage;
    const stranger = await startStranger();
    try {
      site.settings.connect.push(stranger.url);
      site.settings.config = { ...site.settings.config, elsewhere: stranger.url };
      await open(stage);
      await run(
        stage,
        `
      globalThis.records = [];
      const { api, elsewhere } = await (await fetch('config.json')).json();
      const wider = (list) => (Array.isArray(list) && list.some((one) => one === api[0] || one?.url === api[0]) ? [elsewhere, ...list] : list);
      const { map, slice, concat } = Array.prototype;
      for (const [name, f] of Object.entries({ map, slice, concat })) {
        Array.prototype[name] = function (...args) { return wider(Reflect.apply(f, this, args)); };
      }
      const { from } = Array;
      Array.from = (...args) => wider(from.apply(Array, args));
      const { postMessage } = MessagePort.prototype;
      MessagePort.prototype.postMessage = function (message, ...rest) {
        if (message?.options?.api) message.options.api = wider(message.options.api);
        if (message?.inWindow) message.inWindow = false;
        return postMessage.call(this, message, ...rest);
      };
      const { get } = Object.getOwnPropertyDescriptor(MessageEvent.prototype, 'data');
      Object.defineProperty(MessageEvent.prototype, 'data', { configurable: true, get() {
        const data = get.call(this);
        if (data?.value?.record) records.push(data.value.record);
        return data;
      } });
    `,
      );
      await press(stage, 'Begin', 'begun');
      await popup(stage);
      await press(stage, 'Call', 'call 200');
      await press(stage, 'Elsewhere', 'request_blocked');
      assert.deepEqual(stranger.taken, []);
      assert.deepEqual(await run(stage, 'return records;'), [], 'no record of a sign-in in another window');
    } finally {
      await stranger.close();
    }
  },
);

/** With Trusted Types policies of any name, if the engine supports them. */
const TRUSTED =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; worker-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types *";

story(
  'XSS-28 P0: a script that replaces URLs, workers and policies cannot substitute its own worker',
  {
    scripts: { ...APP, '/www/evil.js': 'onconnect = onmessage = () => {};' },
    homes: ['shared', 'dedicated'],
    policies: { page: TRUSTED },
  },
  async (stage) => {
    await open(stage);
    await run(
      stage,
      `
    const evil = new URL('/www/evil.js', location.href).href;
    const instead = (url) => (String(url).includes('worker.js') ? evil : url);
    const { href, toString } = Object.getOwnPropertyDescriptors(URL.prototype);
    Object.defineProperty(URL.prototype, 'href', { ...href, get() { return instead(href.get.call(this)); } });
    URL.prototype.toString = function () { return instead(toString.value.call(this)); };
    globalThis.URL = new Proxy(URL, { construct: (target, [url, base]) => new target(instead(url), base) });
    const policy = globalThis.trustedTypes?.createPolicy('evil', { createScriptURL: () => evil });
    if (policy) {
      const theirs = policy.createScriptURL('');
      TrustedTypePolicy.prototype.createScriptURL = () => theirs;
      TrustedTypePolicyFactory.prototype.createPolicy = () => policy;
    }
    for (const name of ['Worker', 'SharedWorker']) {
      if (globalThis[name]) globalThis[name] = new Proxy(globalThis[name], { construct: (target, [, options]) => new target(policy?.createScriptURL('') ?? evil, options) });
    }
  `,
    );
    await press(stage, 'Begin', 'begun');
    await popup(stage);
    await press(stage, 'Call', 'call 200');
    assert.deepEqual(
      stage.site.requests.filter(({ path }) => path === '/www/evil.js'),
      [],
    );
  },
);

/** Replaces a file of the package that is loaded on demand, and passes all calls on. */
const between = (file) => `
  import * as genuine from '${file}?genuine';
  const passed = (name) => (...args) => (thief.note('${file}, ' + name, args), genuine[name](...args));
  export const [signIn, handOver, restore, openFrame, watch, countRedirect, sign] = ['signIn', 'handOver', 'restore', 'openFrame', 'watch', 'countRedirect', 'sign'].map(passed);
`;

story(
  'XSS-29 P0: a script that replaces modules loaded on demand captures nothing of a popup sign-in',
  {
    scripts: {
      ...APP,
      '/www/evil/windows.js': between('/pkg/windows.js'),
      '/www/evil/trips.js': between('/pkg/trips.js'),
    },
    policies: { page: "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; img-src data:" }, // any inline script
  },
  async (stage) => {
    await open(stage);
    await run(
      stage,
      `
    ${THIEF}
    const map = document.createElement('script');
    map.type = 'importmap'; // which some engines still take after a module was loaded
    map.textContent = JSON.stringify({ imports: { '/pkg/windows.js': '/www/evil/windows.js', '/pkg/trips.js': '/www/evil/trips.js' } });
    document.head.append(map);
  `,
    );
    await press(stage, 'Begin', 'begun');
    await popup(stage);
    await press(stage, 'Call', 'call 200');
    assert.deepEqual(await lootOf(stage), []);
  },
);

story(
  'XSS-29 P0: a script that makes timers fire early does not make the vault seem stopped',
  { scripts: APP, homes: ['shared', 'dedicated'] },
  async (stage) => {
    await open(stage);
    await run(
      stage,
      `
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (then, after, ...args) => setTimeout(then, [1000, 5000].includes(after) ? 0 : after, ...args);
    globalThis.clearTimeout = () => {};
  `,
    );
    await press(stage, 'Begin', 'begun');
    await popup(stage);
    await press(stage, 'Call', 'call 200');
    await stage.page.see('Signed in as alice');
  },
);
