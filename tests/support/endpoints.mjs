/** The endpoints of a provider, by name, and how often each was requested. */
export class Endpoints {
  #paths;

  /** @param {Record<string, string[]>} paths by endpoint */
  constructor(paths) {
    this.#paths = paths;
  }

  /** The paths of an endpoint. */
  paths(name) {
    if (!Object.hasOwn(this.#paths, name)) throw new TypeError(`no such endpoint: ${name}`);
    return this.#paths[name];
  }

  /** The name of the endpoint at a path, or `undefined`. */
  at(path) {
    return Object.keys(this.#paths).find((name) => this.#paths[name].includes(path));
  }

  /** How many of these requests were for an endpoint, without preflights. */
  count(requests, name) {
    const paths = this.paths(name);
    return requests.filter(({ method, path }) => method !== 'OPTIONS' && paths.includes(path)).length;
  }
}
