/** A page with a wrong setup, and the error that its developer sees. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { startEcho } from '../support/echo.mjs';
import { OPEN, list } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';

const WORKER = await readFile(new URL('../../pkg/wasm/worker.js', import.meta.url), 'utf8');
const MODULE = await readFile(new URL('../../pkg/wasm/valet_key.wasm', import.meta.url));

/** The worker, whose core fails in the middle of the call to `/notes`, as after a WebAssembly trap. */
const trapping = `
const status = Object.getOwnPropertyDescriptor(Response.prototype, 'status');
Object.defineProperty(Response.prototype, 'status', {
  ...status,
  get() {
    const inCore = new Error().stack.includes('wasm-function');
    if (inCore && this.url.endsWith('/notes')) throw new WebAssembly.RuntimeError('unreachable');
    return status.get.call(this);
  },
});
${WORKER}`;

const rows = [
  ['a missing worker file', { scripts: { '/pkg/wasm/worker.js': null } }, /`workerUrl`.*worker\.js.*valet_key\.wasm/],
  [
    'a worker that throws when it starts',
    { scripts: { '/pkg/wasm/worker.js': 'throw new Error("no");' } },
    /`workerUrl`/,
  ],
  [
    'a worker file served as text',
    { scripts: { '/pkg/wasm/worker.js': { text: WORKER, type: 'text/plain' } } },
    /`workerUrl`/,
  ],
  [
    'a page whose policy forbids workers',
    { policies: { page: "default-src 'self' data:; worker-src 'none'" } },
    /worker-src/,
  ],
  ['a missing module', { scripts: { '/pkg/wasm/valet_key.wasm': null } }, /wasmUrl/],
  ['a truncated module', { scripts: { '/pkg/wasm/valet_key.wasm': '' } }, /of the same version/],
  ['a modified module', { scripts: { '/pkg/wasm/valet_key.wasm': '\0asm\x01\0\0\0' } }, /of the same version/],
  [
    'a worker whose policy forbids compiling',
    { policies: { worker: "default-src 'none'; script-src 'self'; connect-src *" } },
    /wasm-unsafe-eval/,
  ],
];

for (const [label, options, hint] of rows) {
  story(`CORE-08: ${label} causes a config_error that names the cause`, options, async (stage) => {
    const { page, site } = stage;
    await page.goto(site.url);
    await page.find('heading', 'config_error');
    await page.see(hint);
    await page.see('Signed out');
  });
}

story(
  'CORE-08: a module served as text works',
  { scripts: { '/pkg/wasm/valet_key.wasm': { text: MODULE, type: 'text/plain' } } },
  (stage) => stage.signIn(),
);

const anyWorker = {
  ...OPEN,
  policies: { page: `${OPEN.policies.page}; worker-src *` },
  homes: ['shared', 'dedicated'],
};

story(
  'CORE-08: a worker file of another origin causes a config_error that names the file',
  anyWorker,
  async (stage) => {
    const { page, site } = stage;
    await stage.visit();
    const elsewhere = new URL('/pkg/wasm/worker.js', site.url.replace('localhost', '127.0.0.1')).href;
    const { code, hint } = await page.run(
      `async (workerUrl) => {
    const { code, hint } = await make({ workerUrl }).start().then(() => ({}), (error) => error);
    return { code, hint };
  }`,
      elsewhere,
    );
    assert.equal(code, 'config_error');
    assert.ok(hint.includes(elsewhere), hint);
  },
);

story(
  'a worker whose policy forbids requests to the provider causes a network_error',
  { policies: { worker: "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'" } },
  async (stage) => {
    const { page } = stage;
    await stage.visit();
    await page.click('button', 'Sign in');
    await page.find('heading', 'network_error');
  },
);

story('an invalid option is named', { config: { issuer: 'http://id.example.com' } }, async (stage) => {
  const { page, site } = stage;
  await page.goto(site.url);
  await page.find('heading', 'config_error');
  await page.see('issuer');
});

story(
  'CORE-02 P0: a trap in the core ends the session and affects nothing else',
  { homes: ['shared', 'dedicated', 'page'], scripts: { '/pkg/wasm/worker.js': trapping } },
  async (stage) => {
    const { page, provider } = stage;
    await stage.signIn();
    await page.click('button', 'Notes');
    await page.find('heading', 'unexpected');
    await page.see('Signed out');

    await page.click('button', 'Sign in');
    await page.until('the redirect to the provider and back', () => provider.count('token') === 2);
    await page.see('Signed in as alice');
    await stage.call('Me');
    await page.see('"user": "alice"');
  },
);

const openAndTrapping = { ...OPEN, scripts: { ...OPEN.scripts, '/pkg/wasm/worker.js': trapping } };

story('a trap in the core ends responses that are still being read', openAndTrapping, async (stage) => {
  const echo = await startEcho();
  try {
    list(stage, echo.url);
    await stage.signIn();
    const code = await stage.page.run(
      `async (url) => {
      const reader = (await client.fetch(url)).body.getReader();
      await reader.read();
      await client.fetch(api + 'notes').catch(() => {});
      try {
        for (;;) await reader.read();
      } catch (error) {
        return error.code;
      }
    }`,
      `${echo.url}bytes/100000000`,
    );
    assert.equal(code, 'unexpected');
  } finally {
    await echo.close();
  }
});

story('an option of a wrong type is named, and no call stays without an answer', OPEN, async (stage) => {
  const { page } = stage;
  await stage.signIn();
  const told = await page.run(`async () => Promise.all([
    { api }, { api: { url: api } }, { api: [''] }, { api: [null] }, { api: [api, 5] }, { scope: ['openid', 'profile'] },
  ].map((more) => make(more).signIn({ mode: 'silent' }).then(() => 'ok', ({ code, message }) => code + ' ' + message.split(':')[0]))
    .concat(client.userinfo({ sub: 5 }).then(() => 'ok', ({ code }) => code)))`);
  assert.deepEqual(told, [...Array(5).fill('config_error option `api`'), 'config_error option `scope`', told.at(-1)]);
  assert.match(told.at(-1), /^[a-z_]+$/);
});
