/** The command `valet-key`, as a person runs it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../pkg/bin/valet-key.js', import.meta.url));

/** @returns {Promise<{ code: number, out: string, error: string }>} */
export const command = (...parameters) =>
  new Promise((done) =>
    execFile(process.execPath, [COMMAND, ...parameters], (failure, out, error) =>
      done({ code: failure ? failure.code : 0, out, error }),
    ),
  );
