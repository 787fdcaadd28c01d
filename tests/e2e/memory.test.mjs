/** The memory of the WebAssembly module does not grow with use. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { story } from '../support/stage.mjs';

const SCRIPT = await readFile(new URL('../support/module_memory.js', import.meta.url), 'utf8');

/** Most of them come after the first tenth, in which lists and the allocator reach the size that they need. */
const MANY = { signIns: 1000, calls: 20_000, atOnce: 20, first: 0.1 };

story(
  'after 1,000 sign-ins and 20,000 calls the module’s memory is no larger than after the first tenth of them',
  {
    homes: ['shared', 'page'],
    policies: { page: "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:" },
    scripts: { '/module_memory.js': SCRIPT, '/www/app.js': '' },
  },
  async ({ page, site, place }) => {
    site.settings.before = ''; // the tests' spy would record each of them
    await page.goto(site.url);
    await page.driver.manage().setTimeouts({ script: 100_000 });
    const bytes = await page.run(
      `async (home, how) => (await import('/module_memory.js')).countIn(home, how)`,
      place.home,
      MANY,
    );
    assert.deepEqual(
      bytes,
      bytes.map(() => bytes[0]),
      'bytes after the first tenth, after all sign-ins, after all calls',
    );
  },
);
