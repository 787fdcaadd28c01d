/** A link with the settings of a provider. It has no secret; what it says is checked, because anyone can write such a link. */

const PREFIX = '#provider?';

/** The parameters of a link, in the names of RFC 8414 and RFC 6749, and how long each may be. */
const LIMITS = { issuer: 300, client_id: 300, scope: 500, api: 1000 };

/** @typedef {{ issuer: string, clientId: string, scope: string, api: string }} Fields as in the form */

/** @param {Fields} fields */
export function linkTo({ issuer, clientId, scope, api }) {
  const values = { issuer, client_id: clientId, scope, api };
  const parameters = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  // As the fragment may hold them (RFC 3986 §3.5), which is easier to read.
  const readable = `${parameters}`.replaceAll('%3A', ':').replaceAll('%2F', '/');
  return location.origin + location.pathname + PREFIX + readable;
}

/**
 * @param {string} hash of the page's address
 * @returns {Fields | { flaw: string } | null} `null` if it is no such link
 */
export function fieldsIn(hash) {
  if (!hash.startsWith(PREFIX)) return null;
  const parameters = new URLSearchParams(hash.slice(PREFIX.length));
  for (const name of parameters.keys()) {
    if (!Object.hasOwn(LIMITS, name))
      return { flaw: `it has the parameter ${name.slice(0, 40)}, which no such link has` };
    if (parameters.getAll(name).length > 1) return { flaw: `it has ${name} twice` };
    if (parameters.get(name).length > LIMITS[name]) return { flaw: `${name} is too long` };
  }
  const text = (name) => (parameters.get(name) ?? '').trim();
  const [issuer, clientId, scope, api] = ['issuer', 'client_id', 'scope', 'api'].map(text);
  const flaw = flawOf({ issuer, clientId, scope, api });
  return flaw ? { flaw } : { issuer, clientId, scope: scope || 'openid profile', api };
}

/** What is wrong with settings, in a clause; empty if nothing is. @param {Fields} fields */
export function flawOf({ issuer, clientId, scope, api }) {
  if (!isAddress(issuer)) return 'the issuer is no https address without a query';
  if (!/^[\x20-\x7e]+$/.test(clientId)) return 'the client ID is missing, or has letters that no client ID has';
  if (!/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/.test(scope)) return 'the scope has letters that no scope has (RFC 6749 §3.3)';
  const wrong = api.split(/\s+/).find((one) => one && !(isAddress(one) && one.endsWith('/')));
  return wrong ? `the API address ${wrong.slice(0, 80)} is no https address that ends with a slash` : '';
}

/** With https, or on this machine. @param {string} text */
function isAddress(text) {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  const isLocal = protocol === 'http:' && /^(localhost|.+[.]localhost|127[.]\d+[.]\d+[.]\d+|\[::1\])$/.test(hostname);
  return (protocol === 'https:' || isLocal) && !username && !password && !search && !hash;
}
