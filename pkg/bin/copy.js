/**
 * `valet-key copy`: copies the files that a site serves itself into a folder: the worker and its module, for bundlers that do not
 * find them; a worker that has its options from a file beside it; or a guard's folder.
 */
import { lstat, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Mistake, expect } from './mistake.js';

export const USAGE = `usage: valet-key copy FOLDER [--options FILE]
       valet-key copy FOLDER --guard [--options FILE]

Copies worker.js and valet_key.wasm into FOLDER, for bundlers that do not find them by themselves: Angular, esbuild, Bun, Deno, and
Rollup without the plugin valet-key/rollup. FOLDER is one that your site serves as it is, such as public/valet-key. With --options, it
also writes options.json from FILE: the copied worker serves the client of that file and no other, whatever a page asks for. With --guard, it
copies the files of a guard. Run it again after each update of the package. Files that are not of this package are never overwritten.`;

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** The folders that build tools and hosts serve at the root of the site. */
const ROOTS = /^(public|static|dist|build|out|site|_site|www|htdocs)$/;

/** The first line of a worker with options and without a guard: `vault/kind.js`. */
const MARK = 'globalThis.valetKeyHasNoGuard=true;\n';

/** The members of options.json: `docs/guard.md`. */
const MEMBERS = [
  ...['issuer', 'server', 'clientId', 'scope', 'api', 'openid', 'account', 'userinfo', 'tokenEndpointAuthMethod'],
  ...['dpop', 'dpopAlgorithm', 'keep', 'allowLoopbackHttp', 'restore', 'timeout', 'idTokenHint'],
];

/** How a file of any release is recognized, so that a copy replaces older copies and nothing else. */
const OURS = {
  'worker.js': (/** @type {Buffer} */ file) => file.includes('Symbol.for(`valet-key '),
  'worker.js.map': (/** @type {Buffer} */ file) => file.includes('vault/worker.js'),
  'valet_key.wasm': (/** @type {Buffer} */ file) => file.includes('valet_key_bg'),
  'callback.html': (/** @type {Buffer} */ file) => file.includes('<title>Sign in again</title>'),
  'sealed.html': (/** @type {Buffer} */ file) => file.includes('<title>Sign in again</title>'),
  'options.json': (/** @type {Buffer} */ file) => isOptions(file.toString()),
};

/** @param {string} text */
function isOptions(text) {
  try {
    return Boolean(readOptions(text, ''));
  } catch {
    return false;
  }
}

/**
 * The options in a file, checked as far as that needs no provider.
 * @param {string} text @param {string} file its name, for messages @returns {Record<string, any>}
 */
function readOptions(text, file) {
  let options;
  try {
    options = JSON.parse(text);
  } catch (error) {
    throw new Mistake(`${file} is not JSON: ${/** @type {Error} */ (error).message}`);
  }
  expect(options && typeof options === 'object' && !Array.isArray(options), `${file} is not a JSON object.`);
  const { issuer, server, clientId, api = [] } = options;
  expect(
    typeof clientId === 'string' && clientId,
    `${file}: \`clientId\` is missing. Write the ID that the provider gave your app.`,
  );
  expect(
    (typeof issuer === 'string' && issuer) || (server && typeof server === 'object'),
    `${file}: \`issuer\` is missing. Write the address of your provider, or its endpoints as \`server\`.`,
  );
  const unknown = Object.keys(options).find((name) => !MEMBERS.includes(name));
  expect(!unknown, `${file}: \`${unknown}\` cannot be in a file of options. It may have ${MEMBERS.join(', ')}.`);
  const isEntry = (/** @type {any} */ entry) => typeof entry === 'string' || typeof entry?.url === 'string';
  expect(Array.isArray(api) && api.every(isEntry), `${file}: \`api\` is not a list of addresses.`);
  return options;
}

/** @param {string} file @returns {Promise<Buffer | undefined>} */
async function contentOf(file) {
  try {
    return await readFile(file);
  } catch (error) {
    const { code } = /** @type {any} */ (error);
    if (code === 'ENOENT') return undefined;
    throw code === 'EISDIR' ? new Mistake(`${file} is a folder, and no file.`) : error;
  }
}

/** Refuses a path through a symbolic link to nothing: what is written there would go elsewhere. @param {string} path */
async function refuseBrokenLink(path) {
  let at = resolve(path);
  const present = (/** @type {typeof lstat} */ look) => look(at).catch(() => undefined);
  while (!(await present(lstat)) && dirname(at) !== at) at = dirname(at);
  const isBroken = (await present(lstat))?.isSymbolicLink() && !(await present(stat));
  expect(!isBroken, `${at} is a symbolic link, and nothing is where it leads. Remove it, or name another folder.`);
}

/**
 * Refuses to replace a worker that has a guard, or options, by one that has not: the page would not notice.
 * @param {string} folder @param {boolean} isPinned @param {boolean} isGuard whether the new one has
 */
async function refuseWeaker(folder, isPinned, isGuard) {
  const has = async (/** @type {keyof typeof OURS} */ name) => {
    const present = await contentOf(join(folder, name));
    return Boolean(present && OURS[name](present));
  };
  const elsewhere = 'or name another folder.';
  expect(isGuard || !(await has('callback.html')), `${folder} has the files of a guard. Add --guard, ${elsewhere}`);
  const isMarked = (await contentOf(join(folder, 'worker.js')))?.includes(MARK);
  expect(
    isPinned || !(isMarked || (await has('options.json'))),
    `${folder} has a worker with a file of options. Add --options FILE, ${elsewhere}`,
  );
}

/** The path at which a folder is served, as far as its name shows. @param {string} folder */
function pathOf(folder) {
  const names = folder.split(/[\\/]+/).filter((name) => name && name !== '.' && name !== '..');
  const root = names.findLastIndex((name) => ROOTS.test(name));
  const below = root < 0 ? names.slice(-1) : names.slice(root + 1);
  return ['', ...below, ''].join('/');
}

/** The origins that the worker calls. @param {Record<string, any> | undefined} options */
function originsOf(options) {
  if (!options) return 'https://id.example.com https://api.example.com';
  const { issuer, server, api = [] } = options;
  const addresses = [
    ...(issuer ? [issuer] : []),
    ...Object.values(server ?? {}),
    ...api.map((/** @type {any} */ entry) => entry.url ?? entry),
  ];
  const origins = addresses.filter((one) => URL.canParse(one)).map((one) => new URL(one).origin);
  return [...new Set(origins)].join(' ');
}

/** @param {string[]} parameters @returns {Promise<string>} what to print */
export async function run(parameters) {
  const { values, positionals } = parseArgs({
    args: parameters,
    allowPositionals: true,
    options: { guard: { type: 'boolean' }, options: { type: 'string' } },
  });
  expect(positionals.length === 1, USAGE);
  const [folder] = positionals;
  const isGuard = Boolean(values.guard);
  const isPinned = isGuard || values.options !== undefined;
  const from = join(PACKAGE, isPinned ? 'guard' : 'wasm');
  const names = isGuard ? await readdir(from) : ['worker.js', 'valet_key.wasm'];
  /** @type {Map<string, Buffer>} */
  const files = new Map();
  for (const name of names) files.set(name, await readFile(join(from, name)));
  if (isPinned && !isGuard)
    files.set('worker.js', Buffer.concat([Buffer.from(MARK), /** @type {Buffer} */ (files.get('worker.js'))]));
  let options;
  if (values.options !== undefined) {
    const text = await contentOf(values.options);
    expect(text, `--options: there is no file ${values.options}.`);
    options = readOptions(text.toString(), values.options);
    files.set('options.json', text);
  }
  await refuseWeaker(folder, isPinned, isGuard);
  // Before the first file is written, so that a refusal leaves the folder as it was.
  for (const [name, content] of files) {
    const target = join(folder, name);
    await refuseBrokenLink(target);
    const kind = await lstat(target).catch(() => undefined);
    expect(
      !kind || kind.isFile(),
      `${target} exists and is no file, or a symbolic link. Move it away, or name another folder.`,
    );
    const present = await contentOf(target);
    const isOurs = !present || present.equals(content) || OURS[/** @type {keyof OURS} */ (name)]?.(present);
    expect(isOurs, `${target} exists and is not a file of this package. Move it away, or name another folder.`);
  }
  await mkdir(folder, { recursive: true });
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  return told(folder, [...files.keys()], isGuard, options);
}

/** @param {string} folder @param {string[]} names @param {boolean} isGuard @param {Record<string, any> | undefined} options */
function told(folder, names, isGuard, options) {
  const path = pathOf(folder === '.' ? basename(resolve(folder)) : folder);
  const seal = "Content-Security-Policy: default-src 'none'; sandbox";
  const lines = [
    `Copied to ${folder}: ${names.join(', ')}`,
    '',
    `Set one option, with the address at which your site serves the folder:`,
    '',
    isGuard ? `  guard: '${path}'` : `  workerUrl: '${path}worker.js'`,
    '',
    'Send these headers:',
    '',
    ...(isGuard ? [`  ${path}callback.html`, `    ${seal}`, `  ${path}sealed.html`, `    ${seal}`] : []),
    `  ${path}worker.js`,
    `    Content-Security-Policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ${originsOf(options)}`,
    '    Cache-Control: no-cache',
    `  ${path}valet_key.wasm`,
    '    Content-Type: application/wasm',
    '    Cache-Control: no-cache',
    ...(isGuard || options ? [`  ${path}options.json`, '    Cache-Control: no-cache'] : []),
  ];
  if (options && !isGuard)
    lines.push(
      '',
      'What options.json names may be left out in `createClient`, except `issuer` and `clientId`.',
      'Serve no other worker.js of this package: a bundler that finds one by itself copies it, too.',
    );
  if (isGuard && !names.includes('options.json'))
    lines.push('', `Write ${join(folder, 'options.json')}, or run the command with --options FILE: docs/guard.md.`);
  if (isGuard)
    lines.push('', `At the provider, register ${path}callback.html on your origin as the only redirect URI.`);
  return lines.join('\n');
}
