/** What the attributes of an element say: the options of its client, and those of the sign-in that a button begins. */

/** The attributes that are options of `createClient`. All others have no form as a text, or need a script. */
export const ATTRIBUTES = [
  'issuer',
  'client-id',
  'scope',
  'api',
  'redirect-uri',
  'post-logout-redirect-uri',
  'account',
  'openid',
  'restore',
  'keep',
  'userinfo',
  'id-token-hint',
  'allow-loopback-http',
  'dpop',
  'dpop-algorithm',
  'step-up',
  'guard',
  'timeout',
];

const isTrue = (/** @type {string} */ text) => text !== 'false';

/** How the value of an attribute is read, if it is not a text. @type {Record<string, (text: string) => unknown>} */
const READ = {
  api: (text) => text.match(/\S+/g) ?? [],
  openid: isTrue,
  idTokenHint: isTrue,
  allowLoopbackHttp: isTrue,
  timeout: Number,
};

/** @param {Element} element @returns {import('../index.d.ts').Options} */
export function optionsOf(element) {
  /** @type {Record<string, unknown>} */
  const options = {};
  for (const attribute of ATTRIBUTES) {
    const text = element.getAttribute(attribute);
    const name = attribute.replace(/-./g, ([, letter]) => letter.toUpperCase());
    if (text !== null) options[name] = READ[name]?.(text) ?? text;
  }
  return options;
}

/** An option in a text for programmers, alone or with a value: `clientId`, `dpop: 'off'`. */
const OPTION = /`([a-zA-Z]+)(?:: (true|false|'[^'`]*'))?`/g;

/**
 * A text about options for the author of a page, who writes attributes: `allow-loopback-http`, `dpop="off"`. Options without an
 * attribute stay.
 * @template T @param {T} text @returns {T} what is no text stays, too
 */
export const inMarkup = (text) =>
  /** @type {any} */ (typeof text === 'string' ? text.replace(OPTION, attributeFor) : text);

/** @param {string} whole @param {string} option @param {string} [value] */
function attributeFor(whole, option, value) {
  const name = option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (!ATTRIBUTES.includes(name)) return whole;
  return value === undefined || value === 'true' ? `\`${name}\`` : `\`${name}="${value.replaceAll("'", '')}"\``;
}

/** The options of `signIn` on a button: `data-sign-in-login-hint` is `loginHint`. @param {DOMStringMap} dataset @returns {any} */
export function signInOptionsOf(dataset) {
  /** @type {Record<string, unknown>} */
  const options = { mode: dataset.signIn || 'redirect' };
  for (const name in dataset)
    if (/^signIn[A-Z]/.test(name)) options[name.charAt(6).toLowerCase() + name.slice(7)] = dataset[name];
  return options;
}
