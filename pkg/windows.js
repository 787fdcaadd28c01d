/**
 * Sign-ins in another window: a popup or a hidden frame goes to the provider, which sends it back to the redirect page.
 * That page hands the response over on a channel whose name holds the `state`, so that no other page can find it; unlike
 * `opener` and `parent`, a channel survives a Cross-Origin-Opener-Policy. Nothing is stored, and the verifier stays in
 * the vault.
 *
 * A script in this page finds neither the popup nor its `state` or address. So all three stay in this file and in index.js,
 * which are there before it. It could put something in the place of a file that is loaded later, see {@link ./trips.js}.
 */

import { BroadcastChannel, Promise, closeChannel, dataOf, listen, pinned, postToChannel } from './platform.js';

/** @typedef {(reason: Error) => void} GiveUp ends the wait for a response */

/** How many waits there were. */
let last = 0;

/**
 * Waits for the response in another window, and acknowledges it.
 * @param {string} state @param {Record<number, GiveUp>} waits those that a sign-out ends
 * @param {(giveUp: GiveUp) => (() => void) | undefined} show sends the window to the provider; gives how to put it away
 * @returns {Promise<string>} the address of the page that it came to
 */
export async function responseTo(state, waits, show) {
  const channel = new BroadcastChannel(`valet-key:${state}`);
  const wait = ++last;
  /** @type {(() => void) | undefined} */
  let putAway;
  try {
    return await pinned(
      new Promise((resolve, reject) => {
        waits[wait] = reject;
        listen(channel, 'message', (event) => {
          postToChannel(channel, 'taken');
          resolve(`${dataOf(event)}`);
        });
        putAway = show(reject);
      }),
    );
  } finally {
    delete waits[wait];
    closeChannel(channel);
    putAway?.();
  }
}
