/** Servers far away: what they are asked waits on its way, for a time or until a test lets it go. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pathOf } from './loopback.mjs';

/**
 * Has each request wait before its server sees it.
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

/** What is no part of a client's work: what the tests' own spy sends, and what the API asks the provider. */
const OURS = /^\/(spy|token\/introspection)$/;

/** Milliseconds without another request that end a round: more than a busy machine needs to send what it can send. */
const QUIET = 1000;

/**
 * Counts round trips by a clock of their own: requests wait until nobody asks any more, and then all are answered. So a
 * round is what could be asked without knowing more, however fast or busy the machine is.
 */
export class Rounds {
  /** What was asked in each round, such as `api GET /me`, in order of the alphabet. @type {string[][]} */
  done = [];
  /** @type {{ name: string, go: () => void }[]} */
  #held = [];
  #timer;
  #counting = true;

  /** @param {Record<string, { server: import('node:http').Server }>} parties by the names that they get in a round */
  constructor(parties) {
    for (const [name, { server }] of Object.entries(parties)) {
      between(server, (request) => {
        const path = pathOf(request);
        if (!this.#counting || OURS.test(path)) return undefined;
        return new Promise((go) => this.#hold(`${name} ${request.method} ${path}`, go));
      });
    }
  }

  /**
   * The rounds from the one in which `first` was asked to the one in which `last` was. After that nothing is held.
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
