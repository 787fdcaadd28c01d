/** Failures on demand: an endpoint that refuses, sends no response, is slow, or waits until the test lets it go on. */

import { configError } from '../errors.js';
import { json } from './responses.js';

/** @typedef {import('./index.d.ts').Endpoint} Endpoint */
/** @typedef {import('./index.d.ts').Failure} Failure */

/** @type {readonly Endpoint[]} */
export const ENDPOINTS = [
  'discovery',
  'authorization',
  'token',
  'jwks',
  'userinfo',
  'revocation',
  'end_session',
  'device_authorization',
  'device',
  'api',
];

export class Failures {
  /** By endpoint. @type {Map<Endpoint, { failure: Failure, left: number }[]>} */
  #failures = new Map();
  /** What the next requests wait for. @type {Map<Endpoint, Set<Promise<void>>>} */
  #held = new Map();
  /** Milliseconds. @type {Map<Endpoint, number>} */
  #delays = new Map();

  /** @param {Endpoint} endpoint @param {Failure} failure */
  add(endpoint, failure) {
    checked(endpoint);
    const { times = 1 } = failure;
    if (!(times > 0)) throw configError('`fail`: `times` is not a positive number', 'Leave it out for one failure.');
    this.#failures.set(endpoint, [...(this.#failures.get(endpoint) ?? []), { failure, left: times }]);
  }

  /** @param {Endpoint} endpoint @param {number} milliseconds */
  delay(endpoint, milliseconds) {
    this.#delays.set(checked(endpoint), milliseconds);
  }

  /** @param {Endpoint} endpoint @returns {() => void} lets the requests go on */
  hold(endpoint) {
    const held = this.#held.get(checked(endpoint)) ?? new Set();
    this.#held.set(endpoint, held);
    let release = () => {};
    const released = new Promise((/** @type {(value: void) => void} */ done) => (release = done));
    held.add(released);
    return () => {
      held.delete(released);
      release();
    };
  }

  end() {
    this.#failures.clear();
    this.#delays.clear();
  }

  /** Waits as long as the test wants. @param {Endpoint} endpoint */
  async wait(endpoint) {
    await Promise.all(this.#held.get(endpoint) ?? []);
    const delay = this.#delays.get(endpoint);
    if (delay) await new Promise((done) => setTimeout(done, delay));
  }

  /** Takes the next failure of an endpoint, if there is one. @param {Endpoint} endpoint */
  take(endpoint) {
    const [next, ...rest] = this.#failures.get(endpoint) ?? [];
    if (!next) return undefined;
    next.left -= 1;
    if (next.left <= 0) this.#failures.set(endpoint, rest);
    return next.failure;
  }
}

/** The response that a failure means. @param {Failure} failure @returns {Response} */
export function failed({ network, status = 400, error, error_description, retryAfter, body, headers = {} }) {
  if (network) return Response.error();
  const all = { ...(retryAfter !== undefined && { 'retry-after': `${retryAfter}` }), ...headers };
  if (body !== undefined) return new Response(body, { status, headers: all });
  return json({ ...(error && { error }), ...(error_description && { error_description }) }, status, all);
}

/** @param {Endpoint} endpoint */
function checked(endpoint) {
  if (!ENDPOINTS.includes(endpoint))
    throw configError(`no endpoint \`${endpoint}\``, `Write one of ${ENDPOINTS.join(', ')}.`);
  return endpoint;
}
