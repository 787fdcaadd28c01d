/** The package on a server: imported and set up there, it does nothing. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PACKAGE = new URL('../../pkg/index.js', import.meta.url).href;
const run = promisify(execFile);

/** Runs a module in a bare Node and gives what it printed. A handle that stays open shows as a timeout. */
async function bare(source) {
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', source], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    timeout: 10_000,
  });
  assert.equal(stderr, '');
  return stdout.trim();
}

test('importing does nothing and ends at once', async () => {
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

test('what needs a browser says so', async () => {
  const printed = await bare(`
    const { createClient, ValetKeyError } = await import(${JSON.stringify(PACKAGE)});
    const client = createClient({ issuer: 'https://id.example.com', clientId: 'spa' });
    const error = await client.start().then(() => null, (error) => error);
    console.log(JSON.stringify({ ours: error instanceof ValetKeyError, code: error?.code }));
  `);
  assert.deepEqual(JSON.parse(printed), { ours: true, code: 'config_error' });
});
