/** A region of the page that shows the response of an API: a list, or one object. */

import { failure } from '../errors.js';
import { native } from './native.js';
import { announce, partsOf, showError } from './parts.js';
import { fill, selectorOf, valueAt } from './values.js';

const FIELDS = selectorOf('field');

export class Region {
  #element;
  #fetch;
  #tell;
  #call = new AbortController();
  /** The copies of templates that the region has inserted. @type {ChildNode[]} */
  #copies = [];

  /**
   * @param {Element} element @param {import('../index.d.ts').Client['fetch']} fetch
   * @param {(error: unknown) => void} tell what to do with an error
   */
  constructor(element, fetch, tell) {
    this.#element = element;
    this.#fetch = fetch;
    this.#tell = tell;
    this.address = native(element).getAttribute('data-fetch') ?? '';
    this.load();
  }

  /** Requests the response again. What is shown stays until the next one comes. */
  async load() {
    this.#call.abort();
    const { signal } = (this.#call = new AbortController());
    this.#show('loading');
    try {
      const response = await this.#fetch(this.address, { headers: { accept: 'application/json' }, signal });
      const value = await read(response);
      if (!signal.aborted) this.#show(this.#fill(value) ? 'ready' : 'empty');
    } catch (error) {
      if (signal.aborted) return;
      this.#show('failed', error);
      this.#tell(error);
    }
  }

  /** Aborts the call, and removes everything that came from the API. */
  stop() {
    this.#call.abort();
    this.#fill(undefined);
    this.#show('');
  }

  /** @param {string} state @param {unknown} [error] */
  #show(state, error = null) {
    const element = this.#element;
    native(element).setAttribute('data-state', state);
    native(element).setAttribute('aria-busy', `${state === 'loading'}`);
    for (const name of ['loading', 'empty'])
      for (const part of partsOf(element, `[data-${name}]`)) announce(part, name === state);
    showError(element, error);
  }

  /** @param {unknown} value @returns {boolean} whether there is something to show */
  #fill(value) {
    for (const copy of this.#copies) native(copy).remove();
    this.#copies = [];
    const base = value === undefined ? undefined : new URL(this.address, native(this.#element).baseURI).href;
    fill(partsOf(this.#element, FIELDS), 'field', value, base);
    // The element itself is a list if it has a template; and it may contain lists.
    const lists = partsOf(this.#element, '[data-items], [data-fetch]').filter(templateOf);
    for (const list of lists) this.#copies.push(...copiesIn(list, value, base));
    return lists.length ? this.#copies.length > 0 : value != null;
  }
}

/** @param {Element} list @returns {HTMLTemplateElement | null} */
const templateOf = (list) => native(list).querySelector(':scope > template');

/** Inserts a copy of the template for each item. @param {Element} list @param {unknown} value @param {string} [base] */
function copiesIn(list, value, base) {
  const template = templateOf(list);
  const items = valueAt(value, native(list).getAttribute('data-items') ?? '') ?? [];
  /** @type {ChildNode[]} */
  const copies = [];
  for (const item of Array.isArray(items) ? items : [items]) {
    const copy = /** @type {DocumentFragment} */ (template?.content.cloneNode(true));
    fill(copy.querySelectorAll(FIELDS), 'field', item, base);
    for (const inner of copy.querySelectorAll('[data-items]')) if (templateOf(inner)) copiesIn(inner, item, base);
    copies.push(...copy.childNodes);
  }
  template?.after(...copies);
  return copies;
}

/** @param {Response} response @returns {Promise<unknown>} */
async function read(response) {
  const { ok, status } = response;
  if (!ok) {
    const message = `the API responded with status ${status}`;
    if (status === 429 || status > 499)
      throw failure('server_unavailable', 'server', message, 'Try again later.', true);
    throw failure('response_invalid', 'app', message, 'Check the address in `data-fetch`, and the scope.');
  }
  const text = await response.text();
  try {
    return text ? JSON.parse(text) : null;
  } catch (cause) {
    throw failure('not_json', 'server', 'the response is not JSON', 'Check the address in `data-fetch`.', false, cause);
  }
}
