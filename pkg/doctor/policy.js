/** Content-Security-Policy, as far as the client depends on it: what a policy says about an address and about WebAssembly. */

/** Which directive counts if another one is absent (Content Security Policy §6.8). @type {Record<string, string[]>} */
const FALLBACKS = {
  'worker-src': ['worker-src', 'child-src', 'script-src', 'default-src'],
  'connect-src': ['connect-src', 'default-src'],
  'script-src': ['script-src', 'default-src'],
  'frame-src': ['frame-src', 'child-src', 'default-src'],
};

/** @typedef {Map<string, string[]>} Policy the sources by directive */

/** The policies of a header: all of them apply. @param {string | null} header @returns {Policy[]} */
export function policiesOf(header) {
  const texts = (header ?? '').split(',').filter((text) => text.trim());
  return texts.map((text) => {
    /** @type {Policy} */
    const policy = new Map();
    for (const directive of text.split(';')) {
      const [name = '', ...sources] = directive.trim().split(/\s+/);
      if (name && !policy.has(name.toLowerCase())) policy.set(name.toLowerCase(), sources);
    }
    return policy;
  });
}

/** @param {Policy} policy @param {string} directive @returns {string[] | undefined} `undefined`: no limit */
function sourcesOf(policy, directive) {
  const name = FALLBACKS[directive].find((one) => policy.has(one));
  return name === undefined ? undefined : policy.get(name);
}

/**
 * Whether all policies allow an address.
 * @param {Policy[]} policies @param {string} directive @param {string} url @param {string} origin `'self'`
 */
export const allows = (policies, directive, url, origin) =>
  policies.every(
    (policy) => sourcesOf(policy, directive)?.some((source) => matches(source, new URL(url), origin)) ?? true,
  );

/** Whether all policies allow WebAssembly. @param {Policy[]} policies */
export const allowsWasm = (policies) =>
  policies.every(
    (policy) => sourcesOf(policy, 'script-src')?.some((source) => /^'(wasm-)?unsafe-eval'$/i.test(source)) ?? true,
  );

/** Whether all policies allow a Trusted Types policy of this name. @param {Policy[]} policies @param {string} name */
export const allowsTrustedType = (policies, name) =>
  policies.every((policy) => policy.get('trusted-types')?.some((source) => source === name || source === '*') ?? true);

/** Content Security Policy §6.7.2.6. @param {string} source @param {URL} url @param {string} origin */
function matches(source, url, origin) {
  const text = source.toLowerCase();
  if (text === "'self'") return url.origin === origin;
  if (text === '*') return /^(https?|wss?):$/.test(url.protocol);
  if (/^[a-z][a-z0-9+.-]*:$/.test(text))
    return url.protocol === text || (text === 'http:' && url.protocol === 'https:');
  const [, scheme, host, port, path] =
    /^(?:([a-z][a-z0-9+.-]*):\/\/)?([^:/]+|\[[^\]]*\])(?::(\d+|\*))?(\/[^?#]*)?/i.exec(source) ?? [];
  if (!host || host.startsWith("'")) return false;
  const wanted = (scheme ?? new URL(origin).protocol.slice(0, -1)).toLowerCase();
  const isScheme = url.protocol === `${wanted}:` || (wanted === 'http' && url.protocol === 'https:');
  const isHost = host.startsWith('*.')
    ? url.hostname.endsWith(host.slice(1).toLowerCase())
    : host === '*' || url.hostname === host.toLowerCase();
  const isPort = port === '*' || (port ?? '') === url.port || (url.port === '' && /^(80|443)$/.test(port ?? ''));
  const isPath = !path || path === '/' || (path.endsWith('/') ? url.pathname.startsWith(path) : url.pathname === path);
  return isScheme && isHost && isPort && isPath;
}
