/**
 * A script that enters the page after the library has loaded: it replaces what a page can replace, and keeps what it
 * captures. `thief.replace(family)` replaces one family of functions without changing their effect. `thief.loot` lists
 * what was captured: `[where, what]`.
 */
globalThis.thief = (() => {
  // biome-ignore lint/suspicious/noRedundantUseStrict: pages load this as a classic script
  'use strict';

  const { apply, construct, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect;
  const { exec } = RegExp.prototype;
  const { then } = Promise.prototype;
  const NativePromise = Promise;
  const { has, add } = WeakSet.prototype;
  const followed = new WeakSet();
  const native = {
    EventTarget,
    MessagePort,
    Worker,
    BroadcastChannel,
    Event,
    MessageEvent,
    Node,
    SharedWorker: globalThis.SharedWorker,
  };
  const getter = (type, name) => getOwnPropertyDescriptor(type.prototype, name).get;
  const dataOf = getter(MessageEvent, 'data');
  const targetOf = getter(Event, 'target');

  /** @type {[where: string, what: string][]} */
  const loot = [];
  const known = Object.create(null);
  /** Ports, workers and channels of the library. */
  const targets = [];
  /** Whether the thief itself is running: its own calls are not recorded. */
  let busy = false;

  const keep = (where, what) => {
    if (known[where + what]) return;
    known[where + what] = true;
    loot[loot.length] = [where, what];
  };

  const is = (value, name) => native[name] && value instanceof native[name];

  /** Inspects every value that it gets. It keeps only possible secrets: long random strings, ports and the like. */
  const look = (where, value, depth) => {
    if (typeof value === 'string') {
      // WebKit's driver uses long names for the elements that it finds.
      if (apply(exec, /[\w-]{43}/, [value]) && !apply(exec, /session-node-/, [value])) keep(where, value);
      return;
    }
    if (value === null || typeof value !== 'object' || value === globalThis || depth > 4) return;
    for (const name of ['MessagePort', 'Worker', 'SharedWorker', 'BroadcastChannel']) {
      if (!is(value, name)) continue;
      if (!apply(has, followed, [value])) targets[targets.length] = value;
      apply(add, followed, [value]);
      return keep(where, name);
    }
    if (isWindow(value)) return keep(where, 'a window');
    if (value instanceof NativePromise) return follow(where, value);
    if (is(value, 'Event')) {
      look(where, apply(targetOf, value, []), depth + 1);
      if (is(value, 'MessageEvent')) look(where, apply(dataOf, value, []), depth + 1);
      return;
    }
    if (is(value, 'Node')) return;
    const keys = ownKeys(value);
    for (let at = 0; at < keys.length && at < 50; at += 1) {
      const described = getOwnPropertyDescriptor(value, keys[at]);
      if (keys[at] === 'op' && typeof described.value === 'string') keep(where, `message "${described.value}"`);
      if (described) look(where, described.value, depth + 1);
    }
  };

  const isWindow = (value) => {
    try {
      return value.window === value && value !== window;
    } catch {
      return false;
    }
  };

  const follow = (where, promise) => {
    if (apply(has, followed, [promise])) return;
    apply(add, followed, [promise]);
    const found = (value) => {
      if (typeof value === 'function') quietly(() => keep(`${where}, its value`, 'a function'));
      note(`${where}, its value`, value);
    };
    apply(then, promise, [found, () => {}]);
  };

  const quietly = (work) => {
    if (busy) return;
    busy = true;
    try {
      work();
    } catch {
    } finally {
      busy = false;
    }
  };
  const note = (where, value) => quietly(() => look(where, value, 0));

  /** The original functions, which are restored at the end. */
  const replaced = [];
  const put = (owner, name, described) => {
    const before = getOwnPropertyDescriptor(owner, name);
    if (before && !before.configurable) return;
    replaced[replaced.length] = [owner, name, before];
    defineProperty(owner, name, described);
  };

  const listening = (listener) =>
    typeof listener !== 'function'
      ? listener
      : new Proxy(listener, {
          apply(target, self, args) {
            note('an event', args[0]);
            return apply(target, self, args);
          },
        });

  const watched = (f, where) => {
    const watching = new Proxy(f, {
      apply(target, self, args) {
        note(where, [self, args]);
        if (where === 'EventTarget.prototype.addEventListener') args[1] = listening(args[1]);
        const result = apply(target, self, args);
        note(`${where}, its result`, result);
        return result;
      },
      construct(target, args, made) {
        note(`new ${where}`, args);
        const result = construct(target, args, made === watching ? target : made);
        note(`new ${where}, its result`, result);
        return result;
      },
    });
    return watching;
  };

  /** Replaces a method or an attribute. */
  const watch = (owner, name, where) => {
    const described = owner && getOwnPropertyDescriptor(owner, name);
    if (!described) return;
    const { value, get, set } = described;
    if (typeof value === 'function') put(owner, name, { ...described, value: watched(value, where) });
    else if (get) {
      put(owner, name, {
        ...described,
        get() {
          note(where, this);
          const result = apply(get, this, []);
          note(`${where}, its value`, result);
          return result;
        },
        set:
          set &&
          function (given) {
            note(`${where} =`, [this, given]);
            apply(set, this, [/^on/.test(name) ? listening(given) : given]);
          },
      });
    }
  };
  const watchAll = (owner, label, except = []) => {
    if (!owner) return;
    const names = ownKeys(owner);
    for (let at = 0; at < names.length; at += 1) {
      const name = names[at];
      if (name !== 'constructor' && !except.includes(name)) watch(owner, name, `${label}.${String(name)}`);
    }
  };
  const prototypes = (...types) => types.forEach((type) => watchAll(globalThis[type]?.prototype, `${type}.prototype`));
  const constructors = (...types) => types.forEach((type) => watch(globalThis, type, type));

  const families = {
    channels() {
      prototypes(
        'MessagePort',
        'Worker',
        'SharedWorker',
        'BroadcastChannel',
        'MessageChannel',
        'MessageEvent',
        'Event',
        'EventTarget',
      );
      constructors('MessagePort', 'Worker', 'SharedWorker', 'BroadcastChannel', 'MessageChannel', 'MessageEvent');
    },
    lists() {
      prototypes('Map', 'Set', 'WeakMap', 'WeakSet');
      watchAll(getPrototypeOf(new Map().entries()), 'MapIterator');
      watchAll(getPrototypeOf(new Set().values()), 'SetIterator');
      constructors('Map', 'Set');
      watchAll(Array, 'Array', ['prototype']);
      watchAll(getPrototypeOf([].values()), 'ArrayIterator');
      prototypes('Array');
    },
    promises() {
      watchAll(Promise, 'Promise', ['prototype']);
      prototypes('Promise');
      put(NativePromise.prototype, 'constructor', {
        configurable: true,
        get() {
          note('Promise.prototype.constructor', this);
          return NativePromise;
        },
      });
      constructors('Promise');
    },
    objects() {
      const names = [
        'port',
        'event',
        'error',
        'state',
        'call',
        'data',
        'url',
        'record',
        'op',
        'id',
        'transfer',
        'signal',
        'then',
        'resolve',
        'reject',
        'address',
        'declined',
        'returnTo',
        'scope',
        'options',
        'inWindow',
        'wasmUrl',
        'client',
        'session',
      ];
      for (const name of names) {
        put(Object.prototype, name, {
          configurable: true,
          get() {
            note(`Object.prototype.${name}`, this);
          },
          set(value) {
            note(`Object.prototype.${name} =`, [this, value]);
            defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
          },
        });
      }
    },
    tools() {
      for (const name of [
        'open',
        'setTimeout',
        'setInterval',
        'clearTimeout',
        'structuredClone',
        'queueMicrotask',
        'String',
        'Symbol',
      ])
        watch(globalThis, name, name);
      constructors('URL', 'URLSearchParams', 'AbortController', 'Proxy', 'Error');
      prototypes(
        'URL',
        'URLSearchParams',
        'AbortController',
        'AbortSignal',
        'String',
        'RegExp',
        'LockManager',
        'History',
        'Window',
      );
      watchAll(JSON, 'JSON');
      watchAll(Object, 'Object', ['prototype']);
      for (const name of ['call', 'apply', 'bind']) watch(Function.prototype, name, `Function.prototype.${name}`);
      watchAll(Reflect, 'Reflect');
    },
  };

  return {
    loot,
    targets,
    note,
    replace: (...names) => names.forEach((name) => families[name]()),
    /** Restores everything, for other checks of the page. */
    leave() {
      busy = true;
      while (replaced.length) {
        const [owner, name, before] = replaced.pop();
        if (before) defineProperty(owner, name, before);
        else delete owner[name];
      }
    },
  };
})();
