/** The testing kit in the packed package: the tests of its guide run, and an app signs in at its provider. */
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as vite from 'vite';
import { openBrowser } from '../support/browser.mjs';
import { portNear } from '../support/loopback.mjs';
import { HERE, Host } from './host.mjs';
import { runTool, writeGuide } from './testing_kit.mjs';

/** @type {Host} */
let host;

before(async () => {
  host = await Host.open('testing', {});
});

after(() => host?.close());

test('the guide to testing apps: its tests of components run in jsdom', { timeout: 60_000 }, async () => {
  const folder = await host.install('guide-jsdom', 'types');
  await writeGuide(folder);
  const told = await runTool(folder, 'vitest/vitest.mjs', ['run', '--dir', 'src', '--reporter', 'verbose']);
  assert.match(told, /Tests\s+5 passed \(5\)/);
});

test('the guide to testing apps: its app signs in at the test provider', { timeout: 120_000 }, async () => {
  const folder = await host.install('guide-browser', 'types');
  await writeGuide(folder);
  const told = await runTool(folder, '@playwright/test/cli.js', ['test', '--config', 'here.config.js']);
  assert.match(told, /3 passed/);
});

test('an app signs in at the packed test provider, which is all that it needs', { timeout: 60_000 }, async () => {
  const root = await host.install('vite-testing', 'vite');
  const { startTestProvider } = await import(join(root, 'node_modules/valet-key/testing/node.js'));
  const own = await startTestProvider({ users: [{ sub: 'alice' }] });
  own.api((request, { sub }) => Response.json({ user: sub, path: new URL(request.url).pathname }));
  const page = await readFile(join(HERE, 'index.html'), 'utf8');
  await writeFile(join(root, 'index.html'), page.replace('ISSUER', own.issuer).replace('API', own.apiUrl));
  await cp(join(HERE, 'app.js'), join(root, 'app.js'));
  await vite.build({ root, logLevel: 'warn', build: { outDir: 'site' } });
  const site = await vite.preview({
    root,
    logLevel: 'warn',
    build: { outDir: 'site' },
    preview: { host: '127.0.0.1', port: await portNear() },
  });
  const browser = await openBrowser();
  try {
    await browser.page.goto(`http://localhost:${site.httpServer.address().port}/`);
    await browser.page.see('Signed out');
    await browser.page.click('button', 'Sign in');
    await browser.page.see('Signed in as alice');
    own.advance(301);
    await browser.page.click('button', 'Me');
    await browser.page.see('{"user":"alice","path":"/api/me"}');
    assert.ok(own.requests.some(({ grantType }) => grantType === 'refresh_token'));
  } finally {
    await browser.close();
    await site.close();
    await own.close();
  }
});
