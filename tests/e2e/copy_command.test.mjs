/** The command that copies the files which a site serves itself. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { command } from '../support/command.mjs';

const PKG = fileURLToPath(new URL('../../pkg/', import.meta.url));
const OPTIONS = { issuer: 'https://id.test/realm', clientId: 'spa', api: ['https://api.test/v1/'] };

/** A test with an empty folder. */
const inFolder = (name, play) =>
  test(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valet-key-'));
    try {
      await play(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

const isSame = async (one, other) => assert.deepEqual(await readFile(one), await readFile(other), one);

inFolder('copy writes the worker and its module, and says which option to set', async (folder) => {
  const target = join(folder, 'public/valet-key');
  const { code, out, error } = await command('copy', target);
  assert.equal(code, 0, error);
  assert.deepEqual((await readdir(target)).sort(), ['valet_key.wasm', 'worker.js']);
  for (const name of ['valet_key.wasm', 'worker.js']) await isSame(join(target, name), `${PKG}wasm/${name}`);
  assert.match(out, /^ {2}workerUrl: '\/valet-key\/worker\.js'$/m);
  assert.match(out, /'wasm-unsafe-eval'/);
  assert.match(out, /application\/wasm/);
});

inFolder('copy replaces older copies, and no other file', async (folder) => {
  const worker = join(folder, 'worker.js');
  const own = await readFile(`${PKG}wasm/worker.js`, 'utf8');
  await writeFile(worker, `${own.replaceAll('0.1.0', '0.0.9')}\n// older`);
  assert.equal((await command('copy', folder)).code, 0);
  await isSame(worker, `${PKG}wasm/worker.js`);

  await rm(join(folder, 'valet_key.wasm'));
  await writeFile(worker, 'postMessage(1);');
  const { code, error } = await command('copy', folder);
  assert.equal(code, 1);
  assert.match(error, /worker\.js exists and is not a file of this package/);
  assert.doesNotMatch(error, /\bat .*:\d+:\d+/, 'no stack');
  assert.equal(await readFile(worker, 'utf8'), 'postMessage(1);');
  assert.deepEqual(await readdir(folder), ['worker.js'], 'nothing is written beside it');
});

inFolder(
  'copy writes through no symbolic link to a file or to nothing, and follows one to a folder',
  async (folder) => {
    const elsewhere = join(folder, 'elsewhere');
    const site = join(folder, 'site');
    await mkdir(site);
    await symlink(join('..', 'elsewhere'), join(site, 'valet_key.wasm'));
    await symlink(elsewhere, join(folder, 'linked'));
    for (const target of [site, join(folder, 'linked'), join(folder, 'linked/below')]) {
      const { code, error } = await command('copy', target);
      assert.equal(code, 1, target);
      assert.match(error, /(valet_key\.wasm|linked) is a symbolic link, and nothing is where it leads/);
      assert.doesNotMatch(error, /\bat .*:\d+:\d+/, 'no stack');
    }
    assert.deepEqual((await readdir(folder)).sort(), ['linked', 'site'], 'nothing is written where the links lead');
    assert.deepEqual(await readdir(site), ['valet_key.wasm'], 'nothing is written beside a link');

    await mkdir(elsewhere);
    assert.equal((await command('copy', join(folder, 'linked'))).code, 0, 'a link to a folder is followed');
    await rm(join(site, 'valet_key.wasm'));
    await symlink(join(elsewhere, 'worker.js'), join(site, 'worker.js'));
    await writeFile(join(elsewhere, 'worker.js'), `${await readFile(`${PKG}wasm/worker.js`, 'utf8')}\n// older`);
    const older = await readFile(join(elsewhere, 'worker.js'), 'utf8');
    const { code, error } = await command('copy', site);
    assert.equal(code, 1);
    assert.match(error, /worker\.js exists and is no file, or a symbolic link/);
    assert.equal(await readFile(join(elsewhere, 'worker.js'), 'utf8'), older, 'nothing is written where a link leads');
  },
);

inFolder('copy --options writes a worker that has its options from a file', async (folder) => {
  const file = join(folder, 'mine.json');
  const target = join(folder, 'public/valet-key');
  await writeFile(file, JSON.stringify(OPTIONS));
  const { code, out, error } = await command('copy', target, '--options', file);
  assert.equal(code, 0, error);
  assert.deepEqual((await readdir(target)).sort(), ['options.json', 'valet_key.wasm', 'worker.js']);
  await isSame(join(target, 'options.json'), file);
  await isSame(join(target, 'valet_key.wasm'), `${PKG}guard/valet_key.wasm`);
  const [mark, ...script] = (await readFile(join(target, 'worker.js'), 'utf8')).split('\n');
  assert.equal(mark, 'globalThis.valetKeyHasNoGuard=true;');
  assert.equal(script.join('\n'), await readFile(`${PKG}guard/worker.js`, 'utf8'));
  assert.match(out, /workerUrl: '\/valet-key\/worker\.js'/);
  assert.match(out, /connect-src 'self' https:\/\/id\.test https:\/\/api\.test$/m);
  assert.doesNotMatch(out, /callback\.html/);

  const again = await command('copy', target, '--options', join(target, 'options.json'));
  assert.equal(again.code, 0, 'the copied file can be given at the next update');
  await isSame(join(target, 'options.json'), file);
});

inFolder('copy does not replace a worker with options or a guard by one without', async (folder) => {
  const file = join(folder, 'mine.json');
  await writeFile(file, JSON.stringify(OPTIONS));
  const [own, guard] = ['own', 'guard'].map((name) => join(folder, name));
  await command('copy', own, '--options', file);
  await command('copy', guard, '--guard');
  const rows = [
    [[own], /has a worker with a file of options. Add --options FILE/],
    [[guard], /has the files of a guard. Add --guard/],
    [[guard, '--options', file], /has the files of a guard. Add --guard/],
  ];
  for (const [parameters, expected] of rows) {
    const before = await readFile(join(parameters[0], 'worker.js'));
    const { code, error } = await command('copy', ...parameters);
    assert.equal(code, 1, parameters.join(' '));
    assert.match(error, expected);
    assert.deepEqual(await readFile(join(parameters[0], 'worker.js')), before);
  }
  for (const text of ['{"theme":"dark"}', '\ufeff{', undefined]) {
    if (text === undefined) await rm(join(own, 'options.json'));
    else await writeFile(join(own, 'options.json'), text);
    const { code, error } = await command('copy', own);
    assert.equal(code, 1, text);
    assert.match(error, /has a worker with a file of options/);
  }
  for (const [name, expected] of [
    ['missing.json', /there is no file .*missing\.json/],
    ['guard', /guard is a folder/],
  ]) {
    const { code, error } = await command('copy', join(folder, 'new'), '--options', join(folder, name));
    assert.equal(code, 1, name);
    assert.match(error, expected);
  }
  assert.equal((await command('copy', own, '--guard')).code, 0, 'a guard does more');
});

inFolder('copy --guard --options writes the folder of a guard', async (folder) => {
  const file = join(folder, 'mine.json');
  const target = join(folder, 'static/guard');
  await writeFile(file, JSON.stringify(OPTIONS));
  const { code, out, error } = await command('copy', target, '--guard', '--options', file);
  assert.equal(code, 0, error);
  assert.deepEqual((await readdir(target)).sort(), [...(await readdir(`${PKG}guard`)), 'options.json'].sort());
  await isSame(join(target, 'worker.js'), `${PKG}guard/worker.js`);
  await isSame(join(target, 'options.json'), file);
  assert.match(out, /guard: '\/guard\/'/);
  assert.match(out, /connect-src 'self' https:\/\/id\.test https:\/\/api\.test$/m);
  assert.match(out, /\/guard\/callback\.html\n.*default-src 'none'; sandbox/);

  await writeFile(file, JSON.stringify({ ...OPTIONS, clientId: 'other' }));
  assert.equal(
    (await command('copy', target, '--guard', '--options', file)).code,
    0,
    'an earlier options.json is replaced',
  );
  await isSame(join(target, 'options.json'), file);

  await writeFile(join(target, 'options.json'), '{"theme":"dark"}');
  const refused = await command('copy', target, '--guard', '--options', file);
  assert.equal(refused.code, 1);
  assert.match(refused.error, /options\.json exists/);
  const bare = await command('copy', join(folder, 'bare'), '--guard');
  assert.match(bare.out, /Write .*options\.json/);
});

inFolder('copy names what is wrong with a file of options', async (folder) => {
  await mkdir(join(folder, 'site'));
  const rows = [
    ['{"clientId":"a",}', /not JSON/],
    ['[]', /not a JSON object/],
    [JSON.stringify({ ...OPTIONS, clientId: undefined }), /`clientId` is missing/],
    [JSON.stringify({ ...OPTIONS, issuer: undefined }), /`issuer` is missing/],
    [JSON.stringify({ ...OPTIONS, tokens: 'page' }), /`tokens` cannot be in a file of options/],
    [JSON.stringify({ ...OPTIONS, api: 'https://api.test/' }), /`api` is not a list/],
  ];
  for (const [text, expected] of rows) {
    const file = join(folder, 'options.json');
    await writeFile(file, text);
    const { code, error } = await command('copy', join(folder, 'site'), '--options', file);
    assert.equal(code, 1, text);
    assert.match(error, expected);
  }
  assert.deepEqual(await readdir(join(folder, 'site')), []);
  for (const parameters of [['copy'], ['copy', 'a', 'b'], ['copy', folder, '--unknown']]) {
    const { code, error } = await command(...parameters);
    assert.equal(code, 1);
    assert.match(error, /usage|unknown/i);
  }
});
