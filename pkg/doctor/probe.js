/**
 * How a page asks a server. A page learns nothing of a request that the browser forbids, so what failed is found out with further requests:
 * without the headers that need a preflight, and with `mode: 'no-cors'`, whose response tells nothing but that there is one.
 */

import { allows } from './policy.js';

/** @typedef {import('./provider.js').Question} Question */
/** @typedef {import('./provider.js').Answer} Answer */

/** The requests that the page's policy has forbidden, while the doctor asks. */
export class Violations {
  /** @type {{ directive: string, origin: string }[]} */
  #seen = [];
  #hear = (/** @type {SecurityPolicyViolationEvent} */ { disposition, effectiveDirective, blockedURI }) => {
    if (disposition === 'enforce' && URL.canParse(blockedURI))
      this.#seen.push({ directive: effectiveDirective, origin: new URL(blockedURI).origin });
  };

  constructor() {
    document.addEventListener('securitypolicyviolation', this.#hear);
  }

  /** @param {string} directive @param {string} url */
  has(directive, url) {
    const { origin } = new URL(url);
    return this.#seen.some((one) => one.directive === directive && one.origin === origin);
  }

  end() {
    document.removeEventListener('securitypolicyviolation', this.#hear);
  }
}

/**
 * @param {import('./policy.js').Policy[]} policies of the page @param {Violations} violations @param {number} timeout in milliseconds
 * @returns {import('./provider.js').Ask}
 */
export function askerOf(policies, violations, timeout) {
  /** @param {Question} question @param {RequestInit} [more] */
  const send = ({ url, method, headers, body }, more) =>
    fetch(url, {
      method,
      body,
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      credentials: 'omit',
      redirect: 'manual',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(timeout),
      ...more,
    });
  /** @param {Question} question @param {RequestInit} [more] */
  const arrives = async (question, more) => {
    try {
      await send(question, more);
      return true;
    } catch {
      return false;
    }
  };
  return async (question) => {
    const { url, headers = {} } = question;
    try {
      const response = await send(question);
      if (response.type === 'opaqueredirect') return { outcome: 'redirect' };
      const text = await response.text();
      const header = (/** @type {string} */ name) => response.headers.get(name);
      // A header that the page does not see may be absent as well as hidden.
      const isExposed = (/** @type {string} */ name) => response.headers.has(name) || undefined;
      return { outcome: 'read', status: response.status, text, header, isExposed };
    } catch {}
    const names = Object.keys(headers);
    if (names.length && (await arrives({ ...question, headers: {} }))) {
      const refused = [];
      for (const name of names) {
        if (!(await arrives({ ...question, headers: { [name]: headers[name] } }))) refused.push(`\`${name}\``);
      }
      return { outcome: 'preflight', detail: `the page may not send ${(refused.length ? refused : names).join(', ')}` };
    }
    const exists = await arrives({ ...question, headers: {} }, { mode: 'no-cors', redirect: 'follow' });
    if (violations.has('connect-src', url) || !allows(policies, 'connect-src', url, location.origin))
      return { outcome: 'policy' };
    if (exists) return { outcome: 'cors', detail: `\`Access-Control-Allow-Origin: ${location.origin}\` is missing` };
    return { outcome: 'unreachable' };
  };
}
