/** A worker that `valet-key copy --options` has copied: it serves the client of the file beside it, and no other. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { app } from '../support/app.mjs';
import { command } from '../support/command.mjs';
import { story } from '../support/stage.mjs';

const TYPES = {
  'worker.js': 'text/javascript',
  'valet_key.wasm': 'application/wasm',
  'options.json': 'application/json',
};

const APP = {
  scripts: app({
    exposed: true,
    buttons: { Me: "client.fetch(config.api[0] + 'me')", Leave: 'client.signOut()' },
  }),
  everyEngine: true,
};

/** Copies the files with the options of the stage's app, and serves them at `/valet-key/`. */
async function copied({ site }) {
  const folder = await mkdtemp(join(tmpdir(), 'valet-key-'));
  const { issuer, clientId, api, allowLoopbackHttp } = site.settings.config;
  try {
    const file = join(folder, 'mine.json');
    await writeFile(file, JSON.stringify({ issuer, clientId, api, allowLoopbackHttp, scope: 'openid profile' }));
    const { code, error } = await command('copy', join(folder, 'public'), '--options', file);
    assert.equal(code, 0, error);
    for (const [name, type] of Object.entries(TYPES))
      site.settings.scripts[`/valet-key/${name}`] = { text: await readFile(join(folder, 'public', name)), type };
  } finally {
    await rm(folder, { recursive: true });
  }
  site.settings.config = { ...site.settings.config, workerUrl: '/valet-key/worker.js' };
}

story(
  'PIN-01 PIN-06 P0: a copied worker with options signs in, calls, outlives a reload and signs out',
  { ...APP, homes: ['shared', 'dedicated'] },
  async (stage) => {
    const { page, provider, place } = stage;
    await copied(stage);
    await stage.signInBriefly();
    await page.click('button', 'Me');
    await page.see('Told: 200');
    const asked = provider.count('authorization');
    await page.reload();
    await page.see('Signed in as alice');
    if (place.home === 'shared') assert.equal(provider.count('authorization'), asked, 'the session is kept');
    await page.click('button', 'Leave');
    await page.find('heading', 'Sign out?');
    await page.click('button', 'Sign out');
    await page.see('Signed out');
    assert.ok(provider.count('revocation') >= 1);
  },
);

/** What `start()` says in a client with other options than those of the app, which a script of the page makes. */
const refusal = ({ page }, more) =>
  page.run(
    `async (more) => {
      const { createClient } = await import('/pkg/index.js');
      const config = await (await fetch('/www/config.json')).json();
      return createClient({ ...config, ...more }).start().then(() => '', ({ code, message, hint }) => [code, message, hint].join(': '));
    }`,
    more,
  );

story('PIN-02 P0: a script of the page makes no other client of a copied worker', APP, async (stage) => {
  const { page, api } = stage;
  await copied(stage);
  await stage.signInBriefly();
  const evil = 'https://evil.test/';
  const rows = [
    [{ issuer: evil }, 'issuer'],
    [{ clientId: 'evil' }, 'clientId'],
    [{ api: [api.url, evil] }, 'api'],
    [{ account: 'second' }, 'account'],
  ];
  for (const [more, option] of rows) {
    const told = await refusal(stage, more);
    assert.match(told, new RegExp(`^config_error: option \`${option}\`: not what options.json says`), option);
  }
  await page.click('button', 'Me');
  await page.see('Told: 200');
});

story('PIN-07 P1: what is wrong with a copied worker is named', { scripts: APP.scripts }, async (stage) => {
  const { page, site } = stage;
  await copied(stage);
  const { scripts } = site.settings;
  const file = scripts['/valet-key/options.json'];
  scripts['/valet-key/options.json'] = null;
  await page.goto(site.url);
  await page.see('Told: config_error');
  const hint = await page.run('async () => failure.hint');
  assert.equal(hint, `Put it beside worker.js: ${site.origin}/valet-key/options.json`);
  scripts['/valet-key/options.json'] = file;
  await page.reload();
  await page.until('the start', () => page.run('async () => globalThis.isStarted && !globalThis.failure'));

  assert.match(await refusal(stage, { tokens: 'page' }), /^config_error: option `tokens`: .*copy worker\.js without/);
});

story('PIN-08 P0: a copied worker reads no file of another folder', APP, async (stage) => {
  const { page, site, provider } = stage;
  await copied(stage);
  const { scripts } = site.settings;
  // The host decodes the address, and another folder has a file that a user has uploaded.
  const addresses = ['/uploads/..%2Fvalet-key%2Fworker.js', '/uploads/..%252Fvalet-key%252Fworker.js'];
  const uploaded = { issuer: provider.issuer, clientId: 'evil', allowLoopbackHttp: true };
  scripts['/uploads/options.json'] = { text: JSON.stringify(uploaded), type: 'application/json' };
  scripts['/uploads/valet_key.wasm'] = scripts['/valet-key/valet_key.wasm'];
  await page.goto(site.url);
  await page.see('Signed out');
  for (const address of addresses) {
    scripts[address] = scripts['/valet-key/worker.js'];
    const told = await refusal(stage, { clientId: 'evil', workerUrl: address });
    assert.match(told, /^config_error: worker\.js has another address/);
  }
  assert.equal(provider.count('authorization'), 0);
});

story('PIN-10 P0: a page names no address to which a copied worker sends something', APP, async (stage) => {
  const { page, site, api } = stage;
  await copied(stage);
  site.settings.policies.worker = ''; // a host without headers
  await page.goto(site.url);
  await page.see('Signed out');
  // Another client, and so another worker, whose module is not loaded yet.
  assert.equal(await refusal(stage, { restore: 'none', wasmUrl: `${api.url}stolen` }), '');
  assert.deepEqual(
    api.requests.filter(({ path }) => path.includes('stolen')),
    [],
  );
});
