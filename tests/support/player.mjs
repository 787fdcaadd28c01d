/**
 * Plays files of stories one after the other, in one process whose stories share their browsers. Several such processes
 * divide the files among them: each takes the next file that is left.
 *
 *     node --test-force-exit player.mjs TAKEN FILE…
 *
 * `TAKEN` is a folder that holds a file of the same name for each file of stories that is taken. If a process dies, the
 * others play the rest.
 */
import { AsyncResource } from 'node:async_hooks';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UNTIL } from './choice.mjs';
import { begin } from './ran.mjs';

const [folder, ...files] = process.argv.slice(2);

/** The runner would treat a test that is defined while another one runs as a subtest; here it comes after that test. */
const outside = new AsyncResource('player');

next();

/**
 * The runner ends when no test is left, so finding the next file is a test, which follows the stories of the last file.
 */
function next() {
  outside.runInAsyncScope(() => test('the next file of stories can be read', read));
}

async function read(context) {
  const file = files.find(take);
  if (!file) return;
  if (Date.now() > UNTIL) {
    context.diagnostic(`no time is left for ${basename(file)}`);
    return next();
  }
  context.diagnostic(basename(file));
  begin(file);
  try {
    await outside.runInAsyncScope(() => import(pathToFileURL(file).href));
  } finally {
    next();
  }
}

/** Takes a file if it is left, and returns whether it did. */
function take(file) {
  try {
    closeSync(openSync(join(folder, basename(file)), 'wx'));
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  }
}
