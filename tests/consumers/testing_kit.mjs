/** The guide `docs/testing-apps.md`: its app and its tests, written to a folder as they stand there, and run with the packed package. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromiumPath } from '../support/engines.mjs';
import { portNear } from '../support/loopback.mjs';

const run = promisify(execFile);
const GUIDE = fileURLToPath(new URL('../../docs/testing-apps.md', import.meta.url));
const MODULES = fileURLToPath(new URL('node_modules', import.meta.url));

/** What the app of the guide has installed, besides the package. */
const TOOLS = ['@playwright/test', 'msw', 'vite', 'vitest', 'jsdom'];

/** Where the guide's provider and app listen. */
const PORTS = ['4400', '4401'];

/** Writes the files of the guide into a folder in which the package is installed. */
export async function writeGuide(folder) {
  const guide = await readFile(GUIDE, 'utf8');
  const ports = [await portNear(), await portNear()];
  const files = [...guide.matchAll(/^```js\n\/\/ ((?:src|e2e)\/\S+|playwright\.config\.js)\n([\s\S]*?)^```$/gm)];
  for (const [, name, text] of files) {
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(
      file,
      PORTS.reduce((rest, port, index) => rest.replaceAll(port, ports[index]), text),
    );
  }
  await writeFile(
    join(folder, 'index.html'),
    '<!doctype html><html lang="en"><title>Photos</title><main></main><script type="module" src="/src/main.js"></script>',
  );
  // The browser of these tests, which may run in a container.
  await writeFile(
    join(folder, 'here.config.js'),
    `import config from './playwright.config.js';
    const launchOptions = { executablePath: ${JSON.stringify(await chromiumPath())}, args: ['--no-sandbox'] };
    export default { ...config, use: { ...config.use, launchOptions }, reporter: 'list' };`,
  );
  for (const tool of TOOLS) {
    await mkdir(join(folder, 'node_modules', dirname(tool)), { recursive: true });
    await symlink(join(MODULES, tool), join(folder, 'node_modules', tool));
  }
  await cp(join(MODULES, '.bin/vite'), join(folder, 'node_modules/.bin/vite'), { verbatimSymlinks: true });
  return files.map(([, name]) => name);
}

/** Runs a command of a tool in the folder, with the Node that runs this. */
export async function runTool(folder, tool, args) {
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
  // Vite sets `NODE_ENV` in the process that builds with it.
  const env = { ...process.env, PATH, NODE_TEST_CONTEXT: undefined, NODE_ENV: undefined, NO_COLOR: '1' };
  try {
    return (await run(process.execPath, [join(MODULES, tool), ...args], { cwd: folder, env })).stdout;
  } catch ({ stdout, stderr, message }) {
    throw new Error(`${message}\n${stdout}\n${stderr}`);
  }
}
