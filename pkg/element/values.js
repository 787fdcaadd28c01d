/**
 * Puts values of a provider or an API into elements. They are foreign: they become text, one of a few attributes, or the address of a
 * picture or a link after a check of its scheme. The page alone names paths and attributes.
 */

import { native } from './native.js';

/** The attributes that a value can fill, besides the text of an element: `data-claim-src`, `data-field-alt` and so on. */
const ATTRIBUTES = ['src', 'href', 'alt', 'title', 'datetime', 'aria-label'];

/** Elements whose text the browser would run or read as rules. */
const RUNS_TEXT = /^(script|style)$/i;

/** @param {string} kind `claim` or `field` */
export const selectorOf = (kind) => ['', ...ATTRIBUTES].map((name) => `[${attributeOf(kind, name)}]`).join();

/** @param {string} kind @param {string} name */
const attributeOf = (kind, name) => `data-${kind}${name && '-'}${name}`;

/** @param {any} value @param {string} name @returns {value is Record<string, unknown>} */
const has = (value, name) => Object(value) === value && Object.hasOwn(value, name);

/**
 * The value at a path such as `user.name`. A member whose whole name is the path comes first: claims have names such as
 * `https://example.com/roles`. Only members of the value itself count, so `constructor` is a name like any other.
 * @param {unknown} value @param {string} path empty for the value itself
 */
export function valueAt(value, path) {
  if (!path) return value;
  for (const name of has(value, path) ? [path] : path.split('.')) {
    if (!has(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/**
 * Fills elements. Where there is no value, they get back what they had at first.
 * @param {Iterable<Element>} elements @param {string} kind @param {unknown} value @param {string} [base] what relative addresses refer to
 */
export function fill(elements, kind, value, base) {
  for (const element of elements) {
    for (const name of ['', ...ATTRIBUTES]) {
      const paths = native(element).getAttribute(attributeOf(kind, name));
      if (paths === null) continue;
      const text = textAt(value, paths);
      put(element, name, text && /^(src|href)$/.test(name) ? addressOf(element, name, text, base) : text);
    }
  }
}

/** The first of several paths that has a text. @param {unknown} value @param {string} paths */
function textAt(value, paths) {
  for (const path of paths.trim().split(/\s+/)) {
    const found = valueAt(value, path);
    if (found !== '' && /^(string|number|boolean)$/.test(typeof found)) return `${found}`;
  }
  return undefined;
}

/** Which attribute of which element gets an address of which scheme. */
const ALLOWED = /^(src (img|audio|video|source) (https:|data:image\/)|href (a|area) (https?|mailto|tel):)/;

/**
 * An address that can do no harm in this place.
 * @param {Element} element @param {string} name `src` or `href` @param {string} text @param {string} [base]
 */
function addressOf(element, name, text, base) {
  const { localName } = native(element);
  try {
    const { href } = new URL(text, base);
    // A page with the scheme `http` is on the developer's own device, and so are its pictures.
    return ALLOWED.test(`${name} ${localName} ${href.replace(location.protocol, 'https:')}`) ? href : undefined;
  } catch {
    return undefined;
  }
}

/** What elements had before they were filled: the text of an attribute, or the nodes. @type {WeakMap<Element, Map<string, any>>} */
const originals = new WeakMap();

/** @param {Element} element @param {string} name of an attribute, or empty for the text @param {string} [text] */
export function put(element, name, text) {
  const own = native(element);
  if (!name && RUNS_TEXT.test(own.localName)) return;
  const kept = originals.get(element) ?? new Map();
  const current = name ? own.getAttribute(name) : own.textContent;
  if (text !== undefined) {
    if (!kept.has(name)) originals.set(element, kept.set(name, name ? current : [...own.childNodes]));
    if (text === current) return;
    if (name) own.setAttribute(name, text);
    else own.textContent = text;
  } else if (kept.has(name)) {
    const original = kept.get(name);
    kept.delete(name);
    if (!name) own.replaceChildren(...original);
    else if (original === null) own.removeAttribute(name);
    else own.setAttribute(name, original);
  }
}
