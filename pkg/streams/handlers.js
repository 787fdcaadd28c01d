/** Event handler attributes such as `onmessage`, as the HTML Standard defines them (§8.1.8.1): one listener for each, which can be replaced. */

/**
 * An event target with such attributes.
 * @param {string[]} types the types of the events
 */
export function targetWithHandlers(types) {
  class Target extends EventTarget {
    /** @type {Record<string, ((event: Event) => unknown) | null>} */
    #handlers = {};

    static {
      for (const type of types)
        Object.defineProperty(Target.prototype, `on${type}`, {
          enumerable: true,
          configurable: true,
          /** @this {Target} */
          get() {
            return this.#handlers[type] ?? null;
          },
          /** @this {Target} @param {unknown} handler */
          set(handler) {
            if (this.#handlers[type] === undefined) this.addEventListener(type, (event) => this.#handle(type, event));
            this.#handlers[type] = typeof handler === 'function' ? /** @type {() => void} */ (handler) : null;
          },
        });
    }

    /** @param {string} type @param {Event} event */
    #handle(type, event) {
      this.#handlers[type]?.call(this, event);
    }
  }
  return /** @type {{ new (): EventTarget }} */ (/** @type {unknown} */ (Target));
}
