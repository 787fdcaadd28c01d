/** Servers with delay: requests wait on their way, for a time or until a test releases them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pathOf } from './loopback.mjs';

/**
 * Delays each request before its server sees it.
 * @param {import('node:http').Server} server
 * @param {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => Promise<unknown> | undefined} wait
 */
export function between(server, wait) {
  const [answer] = server.listeners('request');
  server.removeAllListeners('request').on('request', async (request, response) => {
    await wait(request, response);
    answer(request, response);
  });
}

/** Requests that do not belong to the client: those of the tests' spy, and those of the API to the provider. */
const OURS = /^\/(spy|token\/introspection)$/;

/**
 * Milliseconds without another request that end a round: a busy machine needs less to send all requests that it can
 * send.
 */
const QUIET = 1000;

/**
 * Counts round trips with a logical clock: requests wait until no further request arrives, and then all are processed.
 * So a round holds all requests that need no earlier response, however fast or busy the machine is.
 */
export class Rounds {
  /** The requests of each round, such as `api GET /me`, in alphabetical order. @type {string[][]} */
  done = [];
  /** @type {{ name: string, go: () => void }[]} */
  #held = [];
  #timer;
  #counting = true;

  /** @param {Record<string, { server: import('node:http').Server }>} parties by their names in a round */
  constructor(parties) {
    for (const [name, { server }] of Object.entries(parties)) {
      between(server, (request) => {
        const path = pathOf(request);
        // Nothing waits for the script of the keeper, which browsers request with this header.
        if (!this.#counting || OURS.test(path) || request.headers['service-worker']) return undefined;
        return new Promise((go) => this.#hold(`${name} ${request.method} ${path}`, go));
      });
    }
  }

  /**
   * The rounds from the request `first` to the request `last`. After that, requests are no longer delayed.
   * @param {string} first @param {string} last
   */
  async between(first, last, patience = 60_000) {
    const find = (name, from) => this.done.findIndex((round, index) => index >= from && round.includes(name));
    for (const end = Date.now() + patience; ; await sleep(50)) {
      const from = find(first, 0);
      const to = from < 0 ? -1 : find(last, from);
      if (to >= 0) {
        this.#counting = false;
        this.#release();
        return this.done.slice(from, to + 1);
      }
      if (Date.now() > end)
        throw new Error(`waited ${patience} ms for ${first} … ${last}: ${JSON.stringify(this.done)}`);
    }
  }

  #hold(name, go) {
    this.#held.push({ name, go });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#release(), QUIET);
  }

  #release() {
    const held = this.#held.splice(0);
    if (held.length) this.done.push(held.map(({ name }) => name).sort());
    for (const { go } of held) go();
  }
}
