/**
 * Sign-ins in another window: a popup or a hidden frame navigates to the provider, which sends it back to the redirect page.
 * That page hands the response over on a channel that has the `state` in its name, so that no other page can find it. Unlike
 * `opener` and `parent`, a channel works across a Cross-Origin-Opener-Policy. Nothing is stored, and the verifier stays in the
 * vault.
 *
 * A script in this page must not find the popup, its `state` or its address. So all three stay in this file and in index.js,
 * which are loaded before the script runs. The script could replace a file that is loaded later, see {@link ./trips.js}.
 */

import { BroadcastChannel, Promise, closeChannel, dataOf, listen, pinned, postToChannel } from './platform.js';

/** @typedef {(reason: Error) => void} GiveUp ends the wait for a response with an error */

/** The number of the last wait. */
let last = 0;

/**
 * Waits for the response that comes to another window, and acknowledges it.
 * @param {string} state @param {Record<number, GiveUp>} waits the pending waits, which a sign-out ends
 * @param {(giveUp: GiveUp) => (() => void) | undefined} navigate sends the window to the provider; returns how to close it
 * @returns {Promise<string>} the address of the page to which the response came
 */
export async function responseTo(state, waits, navigate) {
  const channel = new BroadcastChannel(`valet-key:${state}`);
  const wait = ++last;
  /** @type {(() => void) | undefined} */
  let stop;
  try {
    return await pinned(
      new Promise((resolve, reject) => {
        waits[wait] = reject;
        listen(channel, 'message', (event) => {
          postToChannel(channel, 'taken');
          resolve(`${dataOf(event)}`);
        });
        stop = navigate(reject);
      }),
    );
  } finally {
    delete waits[wait];
    closeChannel(channel);
    stop?.();
  }
}
