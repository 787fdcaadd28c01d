/**
 * The examples of front ends in Rust, `tests/front_ends`, as `cargo xtask test consumers` built them into the folder that the
 * environment variable `FRONT_ENDS` names.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { test } from 'node:test';
import { startApi } from '../support/api.mjs';
import { openBrowser } from '../support/browser.mjs';
import { close, listen, pathOf, portNear } from '../support/loopback.mjs';
import { startProvider } from '../support/provider.mjs';
import { Stage } from '../support/stage.mjs';

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** Serves a front end with the policy that a page needs which runs the core itself. */
async function startFrontEnd(folder, port, { issuer, api }) {
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ${issuer} ${api}; img-src data:; base-uri 'none'`;
  const server = createServer(async (request, response) => {
    const name = pathOf(request) === '/' ? 'index.html' : pathOf(request).slice(1);
    try {
      const content = await readFile(join(folder, name));
      const page = () => content.toString().replace('ISSUER', issuer).replace('API', api);
      response.writeHead(200, { 'content-type': TYPES[extname(name)], 'content-security-policy': policy });
      response.end(name === 'index.html' ? page() : content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await listen(server, port);
  return server;
}

for (const name of ['plain', 'yew']) {
  test(`a front end in Rust (${name}) signs in, calls its API, restores the session and signs out`, {
    timeout: 60_000,
  }, async () => {
    const port = await portNear();
    const origin = `http://localhost:${port}`;
    const provider = await startProvider({ origins: [origin], path: '/' });
    const api = await startApi({ provider, origins: [origin] });
    const addresses = { issuer: provider.issuer, api: api.url };
    const server = await startFrontEnd(join(process.env.FRONT_ENDS, name), port, addresses);
    const browser = await openBrowser();
    try {
      const { page } = browser;
      const stage = Object.assign(new Stage(), { provider, page });
      await page.goto(`${origin}/`);
      await page.see('Signed out');
      await page.click('button', 'Sign in');
      await stage.login('alice');
      await stage.consent();
      await page.see('Signed in as alice');
      await page.click('button', 'Me');
      await page.see('"user":"alice"');

      await page.run('async () => history.replaceState(null, "", "/?tab=2#part")');
      await page.reload();
      await page.until('the silent redirect', () => provider.count('token') === 2);
      await page.see('Signed in as alice');
      assert.equal(await page.url(), `${origin}/?tab=2#part`, 'without the response');
      await page.click('button', 'Me');
      await page.see('"user":"alice"');

      await page.click('button', 'Sign out');
      await page.find('heading', 'Sign out?');
      await page.click('button', 'Sign out');
      await page.see('Signed out');
      await page.reload();
      await page.see('Signed out');
      assert.equal(provider.count('authorization'), 2, 'a session that the user ended is not restored');
      const said = (await browser.console()).filter((line) => /^(SEVERE|WARNING)/.test(line));
      assert.deepEqual(
        said.filter((line) => !line.startsWith(`SEVERE ${provider.issuer}/favicon.ico`)), // the provider has none
        [],
      );
    } finally {
      await browser.close();
      await Promise.all([close(server), provider.close(), api.close()]);
    }
  });
}
