/** A static site without a script of its own: the folder of the package beside a page with the element `<valet-key>`. */
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as esbuild from 'esbuild';
import { Host } from './host.mjs';

/** @type {Host} */
let host;

before(async () => {
  host = await Host.open('element', { element: "; style-src 'self'" });
});

after(() => host?.close());

test('a site without a script of its own signs in and shows what the API has', { timeout: 60_000 }, async () => {
  const folder = await host.install('element', 'element');
  const [page, site] = [await readFile(join(folder, 'page.html'), 'utf8'), join(folder, 'site')];
  const filled = page.replace('ISSUER', host.provider.issuer).replaceAll('API', host.api.url);
  await cp(join(folder, 'node_modules/valet-key'), join(site, 'valet-key'), { recursive: true });
  await writeFile(join(site, 'index.html'), filled);
  await cp(join(folder, 'site.css'), join(site, 'site.css'));
  await describes(join(folder, 'node_modules/valet-key/element'));
  await isKept(folder);
  await host.play('element', async (stage) => {
    const { page } = stage;
    await page.goto(`${host.origin('element')}/`);
    await page.see('Signed out');
    await page.click('button', 'Sign in');
    await stage.login('alice');
    await stage.consent();
    await page.see('Signed in as Alice Liddell');
    await page.see('You are alice');
    await page.see(/Morning, by alice\s+Noon, by alice\s+Evening, by alice/);
    await page.click('button', 'Sign out');
    await page.see('Signed out');
    assert.doesNotMatch(await page.run('async () => document.body.innerHTML'), /alice|Liddell/);
  });
});

/** Whether manifest and types name the attributes that the element reads. The import shows that it is safe on a server. */
async function describes(folder) {
  const { ValetKeyElement } = await import(join(folder, 'index.js'));
  const read = [...ValetKeyElement.observedAttributes, 'claims'].sort();
  const manifest = JSON.parse(await readFile(join(folder, 'custom-elements.json'), 'utf8'));
  const [{ tagName, attributes }] = manifest.modules[0].declarations;
  assert.equal(tagName, 'valet-key');
  assert.deepEqual(attributes.map(({ name }) => name).sort(), read);
  const [, types] = /interface ValetKeyAttributes \{(.*?)\n\}/s.exec(
    await readFile(join(folder, 'index.d.ts'), 'utf8'),
  );
  assert.deepEqual([...types.matchAll(/^ {2}'?([\w-]+)'?\?:/gm)].map(([, name]) => name).sort(), read);
}

/** Whether a bundler keeps an import of the element that uses nothing of it. */
async function isKept(resolveDir) {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: "import 'valet-key/element'; import 'valet-key/accounts';", resolveDir },
    bundle: true,
    format: 'esm',
    write: false,
    logLevel: 'error',
  });
  assert.match(outputFiles[0].text, /customElements[.]define\(/);
  assert.doesNotMatch(outputFiles[0].text, /createAccounts/, 'entries without an effect are dropped');
}
