import type { Client } from './index.js';

/**
 * Signs the user out after a time without the user, in all tabs of the site.
 *
 * ```js
 * import { signOutWhenIdle } from 'valet-key/idle';
 *
 * const idle = signOutWhenIdle(client, { after: 15 * 60 });
 * idle.addEventListener('countdown', ({ remaining }) => dialog.show(`You will be signed out in ${remaining} seconds.`));
 * idle.addEventListener('active', () => dialog.close());
 * await client.start();
 * ```
 *
 * The user is active if there is a click, a key, a touch, a wheel or a move of the pointer in any tab. The time goes on while the device sleeps and
 * while all tabs are closed: a page that is opened too late signs the user out as soon as it is started. The function starts the client.
 *
 * A script in the page can pretend to be the user. This protects a user who walks away, and not from attackers in the page.
 *
 * @throws ValetKeyError `config_error` for a time that is not a positive number
 */
export function signOutWhenIdle(client: Client<any>, options: IdleOptions): Idle;

export interface IdleOptions {
  /** Seconds without activity after which the user is signed out. */
  after: number;
  /** Seconds before that in which there are `countdown` events. Default: 60, or half of `after` if that is less. */
  warning?: number;
  /** Whether the provider's own session ends, too, as with `signOut()`, which leaves the page. Default: `true`. */
  everywhere?: boolean;
}

export interface Idle {
  /** Seconds until the sign-out, if the user does nothing; `Infinity` while no user is signed in. */
  readonly remaining: number;
  /** Counts as activity, for example a video that the user watches. */
  active(): void;
  /** Ends the observation. */
  stop(): void;
  addEventListener(type: IdleEventType, listener: (event: IdleEvent) => void, options?: AddEventListenerOptions): void;
  removeEventListener(type: IdleEventType, listener: (event: IdleEvent) => void): void;
}

/**
 * - `countdown`: every second before the sign-out; each tab has its own.
 * - `active`: the user is back.
 * - `idle`: the time is over, and the user is being signed out.
 */
export type IdleEventType = 'countdown' | 'active' | 'idle';

export interface IdleEvent extends Event {
  /** Seconds until the sign-out. */
  readonly remaining: number;
}
