/** Apps with a framework, each with its adapter, built from the packed package and opened behind the strictest headers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import linker from '@angular/compiler-cli/linker/babel';
import { transformAsync } from '@babel/core';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import * as esbuild from 'esbuild';
import * as vite from 'vite';
import { HERE, Host, RESOLUTIONS, ROOT, checkTypes, run, tsc } from './host.mjs';

const NGC = join(HERE, 'node_modules/@angular/compiler-cli/bundles/src/bin/ngc.js');

/** Angular's packages are compiled in two steps. The app's bundler makes the second one. */
const linking = {
  name: 'linking',
  transform: (code, filename) =>
    code.includes('ɵɵngDeclare') &&
    transformAsync(code, { filename, plugins: [linker], configFile: false, babelrc: false, compact: false }),
};

/** SvelteKit asks the site for its version, and hides the announcer of routes with a style of its own. */
const KIT = `connect-src 'self'; style-src 'unsafe-hashes' 'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo='`;

/**
 * The apps with routes. `needs`: see {@link Host.open}; `prepare`: what happens before the bundler; `build`: instead of Vite alone;
 * `also`: what a guarded page shows besides; `env`: in development, React's StrictMode mounts each component twice.
 */
const ROUTED = {
  react: { env: 'development' },
  tanstack: {},
  vue: { needs: 'vue' },
  svelte: { needs: 'svelte-trusted-html', plugins: [svelte({ configFile: false })] },
  sveltekit: { needs: `svelte-trusted-html sveltekit-trusted-url; ${KIT}`, build: buildWithKit },
  angular: {
    needs: 'angular',
    plugins: [linking],
    prepare: (root) => run(process.execPath, [NGC], { cwd: root }),
    also: ['404 not_found', 'passed'],
  },
};
const OLDER = 'react-18';

/** @type {Host} */
let host;

before(async () => {
  const sites = Object.fromEntries(Object.entries(ROUTED).map(([name, { needs = '' }]) => [name, needs]));
  host = await Host.open('adapters', { ...sites, [OLDER]: '' });
  // The frameworks, where each app and the package in it find them.
  await symlink(join(HERE, 'node_modules'), join(host.folder, 'node_modules'));
});

after(() => host?.close());

async function build(name, { plugins, alias, prepare, env = 'production' } = {}) {
  const root = await host.makeApp(name, name);
  await cp(join(HERE, 'client.js'), join(root, 'client.js'));
  await prepare?.(root);
  const { NODE_ENV = 'production' } = process.env;
  process.env.NODE_ENV = env; // what frameworks look at
  await vite.build({
    root,
    configFile: false,
    logLevel: 'warn',
    plugins,
    resolve: { alias },
    build: { outDir: 'site', target: 'esnext', chunkSizeWarningLimit: 2000, rolldownOptions: { onwarn } },
  });
  process.env.NODE_ENV = NODE_ENV;
}

/** SvelteKit makes the page itself, and starts it with a script in the page, which the strict policy refuses: it goes to a file. */
async function buildWithKit(name) {
  const root = await host.makeApp(name, name);
  const page = await readFile(join(root, 'index.html'), 'utf8');
  const template = page
    .replace(/<script.*<\/script>/, '%sveltekit.head%')
    .replace('</body>', '<div>%sveltekit.body%</div></body>');
  await writeFile(join(root, 'src/app.html'), template);
  await rm(join(root, 'index.html'));
  await cp(join(HERE, 'client.js'), join(root, 'src/client.js'));
  const env = { ...process.env, NODE_ENV: 'production' };
  await run(process.execPath, [join(HERE, 'node_modules/vite/bin/vite.js'), 'build'], { cwd: root, env });
  const made = await readFile(join(root, 'site/index.html'), 'utf8');
  const [element, script] = /<script>(.*?)<\/script>/s.exec(made);
  await writeFile(join(root, 'site/start.js'), script);
  await writeFile(join(root, 'site/index.html'), made.replace(element, '<script src="/start.js"></script>'));
}

/** The directive `'use client'` is for servers. Vite's plugin for React drops this warning, too. */
function onwarn(warning, show) {
  if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') show(warning);
}

/** How often the page has started its client. */
const starts = (page) => page.run('async () => Number(document.documentElement.dataset.starts)');

/** The sign-ins by redirect that have begun and wait for a response. */
const pending = async (stage) => (await stage.keys('sessionStorage')).filter((key) => key.startsWith('valet-key:tx:'));

async function signOut({ page }) {
  await page.click('button', 'Sign out');
  await page.find('heading', 'Sign out?');
  await page.click('button', 'Sign out');
  await page.see('Signed out');
}

for (const [name, app] of Object.entries(ROUTED)) {
  test(`${name}: a guarded route signs in and comes back to its address, and a refusal ends in an error`, {
    timeout: 120_000,
  }, async () => {
    await (app.build ?? build)(name, app);
    await host.play(name, async (stage) => {
      const { page, provider } = stage;
      const origin = host.origin(name);
      const tokens = provider.count('token');
      const signIns = provider.count('authorization');

      await page.goto(`${origin}/private?q=1#part`);
      await stage.login('alice');
      await stage.consent();
      await page.see('Private at /private?q=1#part');
      assert.equal(await page.url(), `${origin}/private?q=1#part`);
      await page.see('"user":"alice"');
      for (const text of app.also ?? []) await page.see(text);
      assert.equal(await starts(page), 1);
      assert.equal(provider.count('token') - tokens, 1);
      assert.equal(provider.count('authorization') - signIns, 1);

      await page.click('link', 'Home');
      await page.see('Signed in as alice');
      await signOut(stage);

      await page.click('link', 'Private');
      await page.find('heading', 'Sign in');
      await page.back();
      // TanStack Router sets the address before it asks the guard, so this leads back to a guarded page.
      if (name !== 'tanstack') await page.click('link', 'Private');
      await page.find('heading', 'Sign in');
      await page.click('button', 'Cancel');
      await page.see('Failed: authorization_error');
      assert.equal(await page.url(), `${origin}/`);
      const refused = provider.count('authorization');
      await page.click('link', 'Private');
      await page.see('Refused: authorization_error');
      assert.equal(provider.count('authorization'), refused, 'the guard does not sign in again');

      await page.click('button', 'Sign in');
      await stage.login('bob');
      await stage.consent();
      await page.see('Private at /private?q=2#there');
      assert.equal(await page.url(), `${origin}/private?q=2#there`);
      await page.see('"user":"bob"');
      await page.click('link', 'Home');
      await page.see('Signed in as bob');
      await signOut(stage);
    });
  });
}

test('react: a guard in a component signs in, and not again after the user has given up the session', {
  timeout: 120_000,
}, async () => {
  await host.play('react', async (stage) => {
    const { page, provider, api } = stage;
    await page.goto(`${host.origin('react')}/component?q=3#here`);
    await stage.login('alice');
    await stage.consent();
    await page.see('Private at /component?q=3#here');
    await page.see('"user":"alice"');
    assert.equal(await starts(page), 1);
    assert.deepEqual(await pending(stage), [], 'the guard began one sign-in, although its effect ran twice');
    const calls = api.requests.length;
    await page.click('button', 'Reload');
    await page.until('another call', () => api.requests.length > calls);
    const signIns = provider.count('authorization');
    await page.click('button', 'Give up');
    await page.see('Without a session: signed-out');
    await page.click('link', 'Home');
    await page.see('Signed out');
    assert.equal(provider.count('authorization'), signIns);
    await page.click('link', 'Component');
    await stage.consent();
    await page.see('Private at /component?q=3#here');
  });
});

test(`${OLDER}: the components follow the session: they suspend, and call for another user`, {
  timeout: 120_000,
}, async () => {
  await build(OLDER, { alias: { react: 'react-18', 'react-dom': 'react-dom-18' }, env: 'development' });
  await host.play(OLDER, async (stage) => {
    const { page, provider, api } = stage;
    const tokens = provider.count('token');
    await page.goto(`${host.origin(OLDER)}/?q=1#part`);
    await page.see('React 18.3.1');
    await page.see('Signed out');
    assert.equal(await starts(page), 1);
    await page.click('button', 'Sign in');
    await stage.login('alice');
    await stage.consent();
    await page.see('Signed in as alice');
    await page.see('"user":"alice"');
    assert.equal(await page.url(), `${host.origin(OLDER)}/?q=1#part`);
    assert.equal(await starts(page), 1);
    assert.equal(provider.count('token') - tokens, 1);

    const ticking = new Promise((done) => {
      api.server.on('request', ({ method, url }, response) => method === 'GET' && /ticks$/.test(url) && done(response));
    });
    await page.click('button', 'Ticks');
    const response = await ticking;
    await page.click('button', 'Ticks');
    if (!response.closed) await once(response, 'close');

    const first = await page.driver.getWindowHandle();
    await page.driver.switchTo().newWindow('tab');
    await page.goto(`${host.origin(OLDER)}/`);
    await page.see('Signed in as alice');
    await page.click('button', 'Another user');
    await stage.login('bob');
    await stage.consent();
    await page.see('Signed in as bob');
    await page.driver.switchTo().window(first);
    await page.see('"user":"bob"');
    await signOut(stage);
  });
});

test('on a server, the adapters show that the session is not known yet, and start nothing', async () => {
  const folder = await host.install('server', 'server');
  const { stdout } = await run(process.execPath, ['render.mjs'], { cwd: folder });
  assert.deepEqual(JSON.parse(stdout), {
    react: 'starting true fallback',
    vue: 'starting',
    svelte: 'starting',
    load: { session: null },
    beforeLoad: { session: null },
  });
});

test('each adapter weighs less than a kilobyte, without its framework and without files that every app has', async () => {
  const { exports } = JSON.parse(await readFile(join(ROOT, 'pkg/package.json'), 'utf8'));
  const adapters = Object.values(exports).filter((entry) => entry.default?.startsWith('./adapters/'));
  assert.equal(adapters.length, 6);
  for (const { default: file } of adapters) {
    const { outputFiles } = await esbuild.build({
      entryPoints: [join(ROOT, 'pkg', file)],
      bundle: true,
      minify: true,
      format: 'esm',
      packages: 'external',
      external: ['../errors.js'],
      write: false,
    });
    const size = brotliCompressSync(outputFiles[0].contents).length;
    assert.ok(size <= 1024, `${file}: ${size}`);
  }
});

for (const resolution of RESOLUTIONS) {
  test(`TypeScript finds the adapters’ types with the module resolution ${resolution}`, async () => {
    await checkTypes(await host.install(`types-${resolution}`, 'adapters-types'), 'app.ts', resolution);
  });
}

test('the adapters are what their types promise', () => tsc(HERE, '--project', 'adapters.tsconfig.json'));
