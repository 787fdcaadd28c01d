import type { ChangeReason, Client, Options, Session } from '../index.js';

/**
 * The custom element `<valet-key>`: a page signs in and shows the user's data without a script of its own. Importing this entry defines
 * the element. On a server, the import has no effect.
 *
 * ```html
 * <script type="module" src="/valet-key/element/index.js"></script>
 *
 * <valet-key issuer="https://id.example.com" client-id="my-site" scope="openid profile" api="https://api.example.com/v1/">
 *   <p data-starting>One moment …</p>
 *   <p data-signed-out><button data-sign-in>Sign in</button></p>
 *   <p data-failed data-error></p>
 *   <section data-signed-in>
 *     <p>Hello <span data-claim="name preferred_username">there</span>! <button data-sign-out>Sign out</button></p>
 *     <ul data-fetch="https://api.example.com/v1/photos" data-items="photos">
 *       <template><li><img data-field-src="url" data-field-alt="title"> <span data-field="title"></span></li></template>
 *     </ul>
 *   </section>
 * </valet-key>
 * ```
 *
 * `docs/html-only.md` shows a whole page, and the line of CSS that hides parts until the element is ready.
 *
 * Inside the element:
 *
 * - `data-sign-in`: a button that signs in by redirect; with the value `popup`, in a popup. Options of `signIn` are further
 *   attributes: `data-sign-in-prompt="login"`, `data-sign-in-max-age="300"`.
 * - `data-sign-out`: a button that signs out; with the value `revoke`, the session of the provider stays.
 * - `data-reload`: a button that requests its region again, or outside of a region all of them.
 * - `data-starting`, `data-signed-in`, `data-signed-out`: a part that is shown in this state only; `data-signed-out` also in the
 *   state `failed`.
 * - `data-failed`: a part that is shown while there is an error; with codes as its value, separated by spaces, only for these.
 * - `data-error`: gets the text of the error, and is hidden without one; with the value `message`, `hint` or `code`, only that.
 *   The text names attributes where the property `error` names options.
 * - `data-claim`: gets the text of a claim of the user.
 * - `data-fetch`: a region that shows the response of an API, which has to be on the `api` list, in JSON.
 * - `data-items`: the path of the list in the response; without it, the response itself is the list. The children of the
 *   `<template>` in the element are copied for each item. Lists in items work in the same way.
 * - `data-field`: gets the text of a member of the item, or of the response; empty for the item itself.
 * - `data-loading`, `data-empty`: a part of a region that is shown in this state only. `data-failed` and `data-error` in a region
 *   are about its call.
 *
 * `data-claim` and `data-field` name a path such as `address.country`; of several paths, separated by spaces, the first one that has a
 * text, a number or a boolean counts. If there is none, the element keeps what it had. With a suffix, they fill an attribute: `-src`,
 * `-href`, `-alt`, `-title`, `-datetime`, `-aria-label`, such as `data-claim-src="picture"`.
 *
 * Values of the provider and of APIs are foreign. They never become markup. `src` is filled on `img`, `audio`, `video` and `source`
 * only, with addresses of the scheme `https`, with images in `data:`, and with `http` if the page itself has this scheme. `href` is filled
 * on `a` and `area` only, with `https`, `http`, `mailto` and `tel`. Other values count as missing. The text of `script` and `style` is
 * never filled. Addresses in responses may be relative to that of the call; claims have to be absolute.
 *
 * Elements of one page with the same options share one client and its session. With other options, an element has a client of its own: see
 * `account` and `redirectUri` of {@link Options}.
 */
export class ValetKeyElement extends HTMLElement {
  /** The client of this element, for scripts. `null` before the element is connected. */
  readonly client: Client | null;
  /** The session of the user who is signed in. */
  readonly session: Session | null;
  /** Also the attribute `state`. `failed`: the last action has failed, and no user is signed in. */
  readonly state: ElementState;
  /** Why the last action has failed, usually a `ValetKeyError`; `null` if it has not, or if another one has begun. */
  readonly error: unknown;

  addEventListener(type: 'change', listener: (event: ElementChangeEvent) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: 'error', listener: (event: ElementErrorEvent) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

export type ElementState = 'starting' | 'signed-out' | 'signed-in' | 'failed';

/**
 * Dispatched on the element when the start is over, and after each `change` event of the client. It does not bubble; those of form
 * controls inside the element do, and their `target` is another one.
 */
export interface ElementChangeEvent extends Event {
  readonly session: Session | null;
  readonly state: ElementState;
  /** Absent when the start is over. */
  readonly reason?: ChangeReason;
  readonly confirmed?: boolean;
}

/** Dispatched on the element when an action or a call of a region has failed. It does not bubble. */
export interface ElementErrorEvent extends ErrorEvent {
  /** The element with `data-fetch` whose call has failed; `null` if it is not about a region. */
  readonly region: Element | null;
}

/**
 * The attributes of the element. Most are options of `createClient`, see {@link Options}: `redirect-uri` is `redirectUri`. `api` lists
 * addresses, separated by spaces. A boolean is `true` without a value, and `false` with the value `false`. There is no attribute for
 * `tokens`, `server`, `registration`, `tokenEndpointAuthMethod`, `workerUrl` and `wasmUrl`, which need a script. Another value of an option makes another client.
 *
 * With JSX, add them to the elements that it knows; in React:
 *
 * ```ts
 * declare module 'react' {
 *   namespace JSX {
 *     interface IntrinsicElements {
 *       'valet-key': React.HTMLAttributes<HTMLElement> & ValetKeyAttributes;
 *     }
 *   }
 * }
 * ```
 */
export interface ValetKeyAttributes {
  issuer?: string;
  'client-id'?: string;
  scope?: string;
  api?: string;
  'redirect-uri'?: string;
  'post-logout-redirect-uri'?: string;
  account?: string;
  openid?: '' | 'true' | 'false';
  restore?: Options['restore'];
  keep?: Options['keep'];
  userinfo?: Options['userinfo'];
  'id-token-hint'?: '' | 'true' | 'false';
  'allow-loopback-http'?: '' | 'true' | 'false';
  dpop?: Options['dpop'];
  'dpop-algorithm'?: Options['dpopAlgorithm'];
  'step-up'?: Options['stepUp'];
  guard?: string;
  /** Milliseconds. */
  timeout?: string | number;
  /** `userinfo`: after each sign-in, the claims of the provider's UserInfo endpoint are added to those of the ID Token. */
  claims?: 'userinfo';
}

declare global {
  interface HTMLElementTagNameMap {
    'valet-key': ValetKeyElement;
  }
}
