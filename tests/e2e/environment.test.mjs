/** A page that is not set up right, and what its developer is told. */
import { story } from '../support/stage.mjs';

const rows = [
  ['a worker file that is not there', { scripts: { '/pkg/wasm/worker.js': null } }, /worker\.js is there/],
  ['a page that allows no worker', { policies: { page: "default-src 'self' data:; worker-src 'none'" } }, /worker-src/],
  ['a module that is not there', { scripts: { '/pkg/wasm/valet_key.wasm': null } }, /wasmUrl/],
  ['a module that was tampered with', { scripts: { '/pkg/wasm/valet_key.wasm': '\0asm\x01\0\0\0' } }, /of the same version/],
  ['a worker that may not compile', { policies: { worker: "default-src 'none'; script-src 'self'; connect-src *" } }, /wasm-unsafe-eval/],
];

for (const [label, options, hint] of rows) {
  story(`${label} is a config_error that names the cause`, options, async (stage) => {
    const { page, site } = stage;
    await page.goto(site.url);
    await page.find('heading', 'config_error');
    await page.see(hint);
    await page.see('Signed out');
  });
}

story('a worker that may not call the provider is a network_error', { policies: { worker: "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'" } }, async (stage) => {
  const { page } = stage;
  await stage.visit();
  await page.click('button', 'Sign in');
  await page.find('heading', 'network_error');
});

story('an option that is wrong is named', { config: { issuer: 'http://id.example.com' } }, async (stage) => {
  const { page, site } = stage;
  await page.goto(site.url);
  await page.find('heading', 'config_error');
  await page.see('issuer');
});
