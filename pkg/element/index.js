/**
 * The entry `valet-key/element`: the custom element `<valet-key>`, with which a page signs in and shows the user's data without a script
 * of its own. It uses the public API of the client only, so it meets no token. `index.d.ts` documents it.
 */

import { configError } from '../errors.js';
import { createClient } from '../index.js';
import { native } from './native.js';
import { ATTRIBUTES, inMarkup, optionsOf, signInOptionsOf } from './options.js';
import { announce, partsOf, show, showError } from './parts.js';
import { Region } from './region.js';
import { fill, selectorOf } from './values.js';

const NAME = 'valet-key';
const CLAIMS = selectorOf('claim');
const BUTTONS = '[data-sign-in], [data-sign-out], [data-reload]';

/**
 * The clients of this page by their options, as JSON. Elements with the same options share one.
 * @type {Map<string, import('../index.d.ts').Client>}
 */
const clients = new Map();

/** The elements that are in a document, in shadow trees as well. @type {Set<ValetKeyElement>} */
const connected = new Set();

/** What the session of a client is kept under, from its options. @param {import('../index.d.ts').Options & { guard?: string }} options */
const identityOf = ({ issuer, guard, clientId, account, redirectUri }) =>
  JSON.stringify([guard ?? issuer, clientId ?? redirectUri, account]);

/**
 * Whether another element has the same client with other options. If one of the two was injected into the page, it would take the
 * session of the other one along, and send its token to its own `api`. Which one that is, nothing says.
 * @param {ValetKeyElement} element @param {string} options as JSON
 */
function hasRival(element, options) {
  const identity = identityOf(JSON.parse(options));
  for (const other of new Set([...connected, ...native(document).querySelectorAll(NAME)])) {
    const others = optionsOf(other);
    if (other !== element && JSON.stringify(others) !== options && identityOf(others) === identity) return true;
  }
  return false;
}

/** On a server, there are no elements, and the import has no effect. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

/** @typedef {import('./index.d.ts').ValetKeyElement} Shape */

/** @implements {Shape} */
export class ValetKeyElement extends Base {
  static observedAttributes = ATTRIBUTES;

  /** The options of the client, as JSON; empty if the element is in no document. */
  #options = '';
  /** A client while the element is in a document, and otherwise `null`. @type {any} */
  #client = null;
  #isStarted = false;
  /** @type {any} */
  #error = null;
  /** Claims from the provider's UserInfo endpoint. */
  #userinfo = {};
  /** @type {Map<Element, Region>} */
  #regions = new Map();
  /** Ends with the client. */
  #life = new AbortController();
  #observer = new MutationObserver(() => this.#render());

  get client() {
    return this.#client;
  }

  get session() {
    return this.#client?.session ?? null;
  }

  get error() {
    return this.#error;
  }

  get state() {
    if (!this.#isStarted) return 'starting';
    return this.session ? 'signed-in' : this.#error ? 'failed' : 'signed-out';
  }

  // In a microtask, so that an element that is moved, or gets several attributes, starts once.
  connectedCallback() {
    queueMicrotask(() => this.#follow());
  }

  disconnectedCallback() {
    queueMicrotask(() => this.#follow());
  }

  attributeChangedCallback() {
    queueMicrotask(() => this.#follow());
  }

  /** Starts, stops or replaces the client, if the attributes or the place of the element require it. */
  #follow() {
    const options = this.isConnected ? JSON.stringify(optionsOf(this)) : '';
    if (this.isConnected) connected.add(this);
    else connected.delete(this);
    if (options === this.#options) return;
    this.#options = options;
    // What belongs to the earlier client ends.
    this.#life.abort();
    this.#observer.disconnect();
    this.#client = this.#error = null;
    this.#isStarted = false;
    this.#userinfo = {};
    this.#render();
    if (options && hasRival(this, options)) this.#refuse();
    else if (options) this.#start(options);
  }

  /** Has no client, because of another element. */
  #refuse() {
    const { signal } = (this.#life = new AbortController());
    this.#isStarted = true;
    const hint = 'Give elements with the same `issuer`, `client-id` and `account` the same attributes.';
    this.#fail(configError('another element `<valet-key>` has this client with other options', hint), signal);
  }

  /** @param {string} options */
  async #start(options) {
    const { signal } = (this.#life = new AbortController());
    let client = clients.get(options);
    if (!client) clients.set(options, (client = createClient(JSON.parse(options))));
    this.#client = client;
    this.#observer.observe(this, { childList: true, subtree: true, attributeFilter: ['data-fetch'] });
    this.addEventListener('click', (event) => this.#act(event), { signal });
    client.addEventListener('change', (event) => this.#change(event), { signal });
    this.#render();
    /** @type {unknown} */
    let failure;
    try {
      await client.start();
    } catch (error) {
      failure = error;
    }
    if (signal.aborted) return;
    this.#isStarted = true;
    this.#change({});
    if (failure) this.#fail(failure, signal);
  }

  /** @param {{ reason?: string, confirmed?: boolean }} event of the client, or without a reason at the start */
  #change({ reason, confirmed }) {
    const { session, state } = this;
    if (reason && session) this.#error = null;
    const isOther = reason !== 'renewed';
    if (isOther) this.#userinfo = {};
    this.#render(isOther);
    if (isOther && session && this.#isStarted && this.getAttribute('claims') === 'userinfo') this.#describe();
    this.dispatchEvent(Object.assign(new Event('change'), { session, state, reason, confirmed }));
  }

  /** Adds the claims of the UserInfo endpoint. */
  async #describe() {
    const { signal } = this.#life;
    const asked = (this.#userinfo = {});
    try {
      const claims = await this.#client.userinfo();
      if (signal.aborted || this.#userinfo !== asked) return;
      this.#userinfo = claims;
      this.#render();
    } catch (error) {
      if (this.#userinfo === asked) this.#fail(error, signal);
    }
  }

  /** @param {Event} event */
  async #act(event) {
    const button = /** @type {HTMLElement | null} */ (native(/** @type {Element} */ (event.target)).closest(BUTTONS));
    if (!button || native(button).closest(NAME) !== this) return;
    event.preventDefault(); // of a form or a link
    if (!this.#isStarted) return;
    const { dataset } = native(button);
    const { signal } = this.#life;
    if ('reload' in dataset) {
      const around = native(button).closest('[data-fetch]');
      for (const [element, region] of this.#regions) if (!around || around === element) region.load();
      return;
    }
    this.#error = null;
    this.#render();
    try {
      // In the task of the click: browsers block a popup that opens later.
      if ('signOut' in dataset) await this.#client.signOut({ everywhere: dataset.signOut !== 'revoke' });
      else await this.#client.signIn(signInOptionsOf(dataset));
    } catch (error) {
      this.#fail(error, signal);
    }
  }

  /** @param {any} error @param {AbortSignal} signal @param {Element | null} [region] whose error it is, if not the element's own */
  #fail(error, signal, region = null) {
    // A later sign-in or sign-out decides instead.
    if (signal.aborted || error.code === 'cancelled') return;
    if (!region) {
      this.#error = error;
      this.#render();
    }
    // A page without a script has no other place in which its developer would see this.
    if (error.fault === 'app') console.error(error, inMarkup(error.hint));
    const event = new ErrorEvent('error', { error, message: error.message });
    this.dispatchEvent(Object.assign(event, { region }));
  }

  /**
   * Makes the page show the current state. It changes nothing that is right already.
   * @param {boolean} [isOther] whether what regions show may be another user's, or was lost
   */
  #render(isOther) {
    const { state, session } = this;
    this.setAttribute('state', state);
    const isStarting = `${!this.#isStarted}`;
    this.setAttribute('aria-busy', isStarting);
    const focused = native(/** @type {Document | ShadowRoot} */ (this.getRootNode())).activeElement;
    const own = (/** @type {string} */ selector) => partsOf(this, selector, NAME);

    const shown = state === 'failed' ? 'signed-out' : state;
    /** @type {HTMLElement[]} */
    const appeared = [];
    for (const name of ['starting', 'signed-in', 'signed-out']) {
      for (const part of own(`[data-${name}]`)) {
        if (name === shown && native(part).hasAttribute('hidden')) appeared.push(/** @type {HTMLElement} */ (part));
        (name === 'starting' ? announce : show)(part, name === shown);
      }
    }
    showError(this, this.#error);
    // Not `disabled`, which takes the focus away.
    for (const button of own('[data-sign-in], [data-sign-out]'))
      native(button).setAttribute('aria-disabled', isStarting);
    fill(own(CLAIMS), 'claim', session && { ...session.claims, ...this.#userinfo });

    const regions = new Set(state === 'signed-in' ? own('[data-fetch]') : []);
    for (const [element, region] of this.#regions) {
      if (!isOther && regions.has(element) && region.address === native(element).getAttribute('data-fetch')) continue;
      region.stop();
      this.#regions.delete(element);
    }
    const { signal } = this.#life;
    for (const element of regions) {
      const tell = (/** @type {unknown} */ error) => this.#fail(error, signal, element);
      if (!this.#regions.has(element)) this.#regions.set(element, new Region(element, this.#client.fetch, tell));
    }

    const isHidden = (/** @type {Element} */ part) => native(part).closest('[hidden]');
    if (focused && this.contains(focused) && isHidden(focused)) focus(appeared.find((part) => !isHidden(part)));
    this.#observer.takeRecords(); // of these changes
  }
}

/** Moves the focus to the part that has taken the place of the one that had it. @param {HTMLElement} [part] */
function focus(part) {
  if (!part) return;
  const own = native(part);
  if (own.tabIndex < 0) {
    own.tabIndex = -1;
    own.addEventListener('blur', () => own.removeAttribute('tabindex'), { once: true });
  }
  own.focus();
}

if (globalThis.customElements && !customElements.get(NAME)) customElements.define(NAME, ValetKeyElement);
