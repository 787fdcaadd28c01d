/**
 * Plays files of stories one after the other, in one process, whose stories share their browsers. Several of these divide
 * the files among them, as each takes the next one that is left.
 *
 *     node --test-force-exit player.mjs TAKEN FILE…
 *
 * `TAKEN` is a folder, in which a file of the same name says that a file of stories is taken. If a process of these dies,
 * the others play the rest.
 */
import { AsyncResource } from 'node:async_hooks';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UNTIL } from './choice.mjs';
import { begin } from './ran.mjs';

const [folder, ...files] = process.argv.slice(2);

/** Tests that are named while another one runs would be parts of it; in here, they come after it. */
const outside = new AsyncResource('player');

next();

/** The runner ends when no test is left, so finding the next file is a test, which stands after the stories of the last file. */
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

/** Whether a file was left, and is now taken. */
function take(file) {
  try {
    closeSync(openSync(join(folder, basename(file)), 'wx'));
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  }
}
