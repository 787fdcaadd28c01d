/** The package on a server: importing it and creating a client has no effect. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PACKAGE = new URL('../../pkg/index.js', import.meta.url).href;
const run = promisify(execFile);

/** Runs a module in a plain Node and returns what it printed. An open handle shows as a timeout. */
async function bare(source) {
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', source], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    timeout: 10_000,
  });
  assert.equal(stderr, '');
  return stdout.trim();
}

/** Calls every method of a `client`, and keeps in `said` the code of each rejection. */
const EVERY_CALL = `
  const said = {};
  const calls = {
    start: () => client.start(), signIn: () => client.signIn(), popup: () => client.signIn({ mode: 'popup' }),
    fetch: () => client.fetch('https://api.example.com/'), refresh: () => client.refresh(), userinfo: () => client.userinfo(),
    signOut: () => client.signOut(), frontChannelLogout: () => client.frontChannelLogout(), preload: () => client.preload(),
    accessToken: () => client.accessToken(),
  };
  for (const name in calls) {
    const error = await calls[name]().then(() => null, (error) => error);
    said[name] = error instanceof ValetKeyError && error.hint ? error.code : String(error);
  }
`;
const CALLS = [
  'start',
  'signIn',
  'popup',
  'fetch',
  'refresh',
  'userinfo',
  'signOut',
  'frontChannelLogout',
  'preload',
  'accessToken',
];
const REFUSED = Object.fromEntries(CALLS.map((name) => [name, 'config_error']));

test('importing the package has no effect and leaves no open handle', async () => {
  assert.equal(await bare(`import ${JSON.stringify(PACKAGE)}; console.log('imported');`), 'imported');
});

test('creating a client touches no global', async () => {
  const printed = await bare(`
    const touched = [];
    for (const name of ['window', 'document', 'location', 'localStorage', 'sessionStorage', 'history', 'indexedDB',
      'Worker', 'SharedWorker', 'BroadcastChannel', 'fetch', 'navigator', 'crypto', 'WebAssembly', 'addEventListener']) {
      Object.defineProperty(globalThis, name, { configurable: true, get() { touched.push(name); return undefined; } });
    }
    const before = Reflect.ownKeys(globalThis).length;
    const { createClient, ValetKeyError } = await import(${JSON.stringify(PACKAGE)});
    const client = createClient({
      issuer: 'https://id.example.com', clientId: 'spa', redirectUri: '/', scope: 'openid', api: ['/api/'],
    });
    console.log(JSON.stringify({
      touched,
      added: Reflect.ownKeys(globalThis).length - before,
      session: client.session,
      error: ValetKeyError.prototype instanceof Error,
    }));
  `);
  assert.deepEqual(JSON.parse(printed), { touched: [], added: 0, session: null, error: true });
});

test('methods that need a browser reject with `config_error`', async () => {
  const printed = await bare(`
    const { createClient, ValetKeyError } = await import(${JSON.stringify(PACKAGE)});
    const client = createClient({ issuer: 'https://id.example.com', clientId: 'spa' });
    ${EVERY_CALL}
    console.log(JSON.stringify(said));
  `);
  assert.deepEqual(JSON.parse(printed), REFUSED);
});

for (const [what, missing] of [
  [
    'without the globals of Node',
    ['MessageChannel', 'BroadcastChannel', 'ReadableStream', 'Request', 'Response', 'fetch'],
  ],
  ['with the globals of Node', []],
]) {
  test(`methods that need a browser reject in jsdom, too, ${what}`, async () => {
    const printed = await bare(`
      const { JSDOM } = await import(${JSON.stringify(import.meta.resolve('jsdom'))});
      const { window } = new JSDOM('', { url: 'https://app.example.com/' });
      for (const name of Object.getOwnPropertyNames(window)) {
        if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value: window[name], configurable: true, writable: true });
      }
      for (const name of ${JSON.stringify(missing)}) delete globalThis[name];
      const { createClient, ValetKeyError } = await import(${JSON.stringify(PACKAGE)});
      const client = createClient({ issuer: 'https://id.example.com', clientId: 'spa' });
      ${EVERY_CALL}
      console.log(JSON.stringify(said));
      process.exit();
    `);
    assert.deepEqual(JSON.parse(printed), REFUSED);
  });
}
