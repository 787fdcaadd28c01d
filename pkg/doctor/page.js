/** The checks of the page and of the files that its own server sends. Each is asked for without cookies. */

import { flaw } from '../sealed.js';
import { VERSION } from '../port.js';
import { finding } from './knowledge.js';
import { allows, allowsTrustedType, allowsWasm, policiesOf } from './policy.js';
import { clock, redirectUri } from './provider.js';

/** @typedef {import('./index.d.ts').Finding} Finding */
/** @typedef {import('./provider.js').Settings} Settings */
/** @typedef {import('./policy.js').Policy} Policy */
/** @typedef {import('./provider.js').Tell} Tell */

/** The package's files, in the form that bundlers recognize. A bundle that is not a module has no address. */
let [workerFile, wasmFile] = ['', ''];
try {
  workerFile = new URL('../wasm/worker.js', import.meta.url).href;
  wasmFile = new URL('../wasm/valet_key.wasm', import.meta.url).href;
} catch {}

const SCRIPT = /^(text|application)\/(x-)?(java|ecma)script\b/i;

/** @param {string} url @returns {Promise<Response | undefined>} `undefined` if there is no response */
async function get(url) {
  try {
    return await fetch(url, { cache: 'no-store', credentials: 'omit', redirect: 'manual' });
  } catch {
    return undefined;
  }
}

/** @param {Response | undefined} response */
const statusOf = (response) =>
  !response ? 'no response' : response.type === 'opaqueredirect' ? 'a redirect' : `status ${response.status}`;

const isHtml = (/** @type {string} */ text) => /^\s*<(!doctype|html|head|body|!--)/i.test(text);

/**
 * What the headers of the page and the page itself say. The address is asked for without query and fragment, which may hold a code.
 * @returns {Promise<{ url: string, response: Response | undefined, policies: Policy[], hasPolicy: boolean }>}
 */
export async function readPage() {
  const url = location.origin + location.pathname;
  const answer = await get(url);
  const response = answer?.ok ? answer : undefined;
  /** @type {NodeListOf<HTMLMetaElement>} */
  const metas = document.querySelectorAll('meta[http-equiv="content-security-policy" i]');
  const policies = [
    ...policiesOf(response?.headers.get('content-security-policy') ?? null),
    ...[...metas].flatMap(({ content }) => policiesOf(content.replaceAll(',', ' '))),
  ];
  return { url, response, policies, hasPolicy: policies.length > 0 };
}

/**
 * @param {Awaited<ReturnType<typeof readPage>>} page @param {import('../index.d.ts').Options} options @param {Settings} settings
 * @returns {Promise<Finding[]>}
 */
export async function examinePage({ url, response, policies, hasPolicy }, options, settings) {
  const { origin } = location;
  /** @type {Finding[]} */
  const findings = [];
  const tell = (/** @type {string} */ check, /** @type {string} */ outcome, /** @type {object} */ facts = {}) =>
    void findings.push(finding(check, outcome, { origin, ...facts }));
  tell('secure_context', isSecureContext ? 'ok' : 'missing');
  tell('service_worker', 'serviceWorker' in navigator ? 'ok' : 'missing');

  const inPage = options.tokens === 'page';
  const { worker, wasm } = filesOf(options);
  const addresses = [...(settings.issuer ? [settings.issuer] : []), ...endpointsIn(settings.server), ...settings.apis];
  const called = [...new Set(addresses.filter((one) => URL.canParse(one)).map((one) => new URL(one).origin))];
  const before = findings.length;
  if (!response) tell('csp.page', 'unknown', { url });
  if (!inPage && !allows(policies, 'worker-src', worker, origin))
    tell('csp.page', 'blocked', { directive: 'worker-src', url: worker });
  if (inPage && !allowsWasm(policies)) tell('csp.page', 'wasm');
  for (const one of inPage ? called : []) {
    if (!allows(policies, 'connect-src', `${one}/`, origin))
      tell('csp.page', 'blocked', { directive: 'connect-src', url: one });
  }
  if (!inPage && !allowsTrustedType(policies, 'valet-key')) tell('csp.page', 'trusted_types');
  if (settings.restores && settings.issuer && URL.canParse(settings.issuer)) {
    const { origin: provider, hostname } = new URL(settings.issuer);
    if (isSameSite(hostname, location.hostname) && !allows(policies, 'frame-src', `${provider}/`, origin))
      tell('csp.page', 'frame', { url: provider });
  }
  if (findings.length === before) tell('csp.page', hasPolicy ? 'ok' : 'none');

  if (response) {
    const [coop, coep] = ['opener', 'embedder'].map(
      (kind) => response.headers.get(`cross-origin-${kind}-policy`) ?? '',
    );
    tell('coop', /^same-origin(;|\s|$)|^noopener/.test(coop) ? 'cut' : 'ok', { value: coop });
    tell('coep', /^(require-corp|credentialless)/.test(coep) ? 'isolated' : 'ok', { value: coep });
    findings.push(clock(response.headers.get('date'), location.host, response.headers.get('age')));
    await examineFiles(worker, wasm, called, inPage, /^(require-corp|credentialless)/.exec(coep)?.[1], policies, tell);
  } else await examineFiles(worker, wasm, called, inPage, undefined, policies, tell);
  if (options.guard) await examineGuard(absolute(options.guard, location.href), tell);
  else findings.push(await redirectPage(options.redirectUri, url));
  return findings;
}

/**
 * An address that may be relative. If it is none, the page's own: the finding about the client says what is wrong then.
 * @param {unknown} address @param {string} base
 */
const absolute = (address, base) =>
  URL.canParse(`${address}`, base) ? new URL(`${address}`, base).href : location.href;

/** The addresses of worker and module, as `connection.js` finds them. @param {import('../index.d.ts').Options} options */
function filesOf({ workerUrl, wasmUrl, guard }) {
  const given = guard ? absolute('worker.js', absolute(guard, location.href)) : workerUrl;
  const worker = absolute(given ?? workerFile, location.href);
  const beside = given && (guard || !wasmUrl);
  return { worker, wasm: beside ? absolute('valet_key.wasm', worker) : absolute(wasmUrl ?? wasmFile, location.href) };
}

/** @param {Record<string, unknown> | undefined} server @returns {string[]} */
const endpointsIn = (server) =>
  Object.entries(server ?? {}).flatMap(([name, value]) =>
    /_(endpoint|uri)$/.test(name) && name !== 'authorization_endpoint' ? [`${value}`] : [],
  );

/** Whether two hosts seem to belong to one site: there is no list of public suffixes here. @param {string} one @param {string} other */
function isSameSite(one, other) {
  const [site, otherSite] = [one, other].map((host) => host.split('.').slice(-2).join('.'));
  return one === other || (/^[^.]{4,}[.]/.test(site) && site === otherSite);
}

/**
 * @param {string} worker @param {string} wasm @param {string[]} called the origins that the client calls @param {boolean} inPage
 * @param {string | undefined} coep of the page @param {Policy[]} policies of the page @param {Tell} tell
 */
async function examineFiles(worker, wasm, called, inPage, coep, policies, tell) {
  const { origin } = location;
  if (!inPage && new URL(worker).origin !== origin) return tell('worker_file', 'origin', { url: worker });
  if (!allows(policies, 'connect-src', worker, origin)) return tell('worker_file', 'policy', { url: worker });
  const script = await get(worker);
  const text = script?.ok ? await script.text() : '';
  const type = script?.headers.get('content-type') ?? '';
  const isOurs = text.includes('Symbol.for(`valet-key ');
  const version = /="(\d+[.]\d+[.]\d+[^"]*)",[\w$]+=Symbol[.]for\(`valet-key /.exec(text)?.[1] ?? VERSION;
  const outcome = !script?.ok
    ? 'missing'
    : isHtml(text)
      ? 'html'
      : !isOurs
        ? 'foreign'
        : !SCRIPT.test(type)
          ? 'type'
          : version !== VERSION
            ? 'version'
            : 'ok';
  tell('worker_file', outcome, { url: worker, status: statusOf(script), type, version, expected: VERSION });
  if (script?.ok && isOurs) {
    const own = policiesOf(script.headers.get('content-security-policy'));
    if (!inPage) {
      const blocked = called.filter((one) => !allows(own, 'connect-src', `${one}/`, origin));
      if (!own.length) tell('csp.worker', 'none', { origins: called.join(' ') });
      if (!allowsWasm(own)) tell('csp.worker', 'wasm');
      for (const one of blocked) tell('csp.worker', 'blocked', { url: one });
      if (own.length && allowsWasm(own) && !blocked.length) tell('csp.worker', 'ok');
    }
    const isEmbeddable = /^(require-corp|credentialless)/.test(
      script.headers.get('cross-origin-embedder-policy') ?? '',
    );
    // Shared workers have a policy of their own; only a dedicated worker has to have the page's.
    if (coep && !isEmbeddable && !inPage && typeof SharedWorker === 'undefined')
      tell('coep', 'worker', { value: coep });
  }
  await examineModule(wasm, isOurs ? text : '', tell);
}

/** @param {string} url @param {string} worker its text @param {Tell} tell */
async function examineModule(url, worker, tell) {
  const response = await get(url);
  if (!response?.ok) return tell('wasm_file', 'missing', { url, status: statusOf(response) });
  const bytes = await response.arrayBuffer();
  if (isHtml(new TextDecoder().decode(bytes.slice(0, 200)))) return tell('wasm_file', 'html', { url });
  const expected = /"sha384-([\w+/=]+)"/.exec(worker)?.[1];
  if (!expected || !isSecureContext) return tell('wasm_file', 'unknown', { url });
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-384', bytes));
  if (btoa(String.fromCharCode(...hash)) !== expected) return tell('wasm_file', 'mismatch', { url });
  const type = response.headers.get('content-type') ?? '';
  tell('wasm_file', type === 'application/wasm' ? 'ok' : 'type', { url, type });
}

/** @param {string} folder @param {Tell} tell */
async function examineGuard(folder, tell) {
  const options = await get(`${folder}options.json`);
  if (!options?.ok) return tell('guard', 'options', { folder, status: statusOf(options) });
  const wrong = await flaw(folder).catch(() => `Serve ${folder}callback.html.`);
  tell('guard', wrong ? 'open' : 'ok', { folder, flaw: wrong });
}

/** The shape of the redirect URI, and whether the server sends a page there. @param {string | undefined} option @param {string} here */
async function redirectPage(option, here) {
  const url =
    option === undefined ? here : URL.canParse(option, location.href) ? new URL(option, location.href).href : option;
  const isThisPage = url === here;
  const shape = redirectUri(url, location.origin, isThisPage);
  if (shape.level !== 'ok' || isThisPage) return shape;
  let response;
  try {
    response = await fetch(url, { cache: 'no-store', credentials: 'omit' });
  } catch {}
  if (response?.redirected) return finding('redirect_uri', 'redirects', { url, to: response.url });
  return response?.ok ? shape : finding('redirect_uri', 'not_served', { url, status: statusOf(response) });
}
