/**
 * Serves the page and the package as a static host would: `www/` at `/www/`, `pkg/` at `/pkg/`, with the headers that
 * the documentation recommends.
 *
 * The page's own policy allows no foreign address: every call to the provider and the API goes through the worker,
 * whose file has its own policy.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sirv from 'sirv';
import { bodyOf, close, listen, pathOf, portNear, record, serverOf } from './loopback.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SPY = fileURLToPath(new URL('spy.js', import.meta.url));

/** The vault needs to compile and to send requests; the page needs neither, unless the vault is in the page. */
const VAULT = { scripts: "'self' 'wasm-unsafe-eval'", calls: (connect) => ["'self'", ...connect].join(' ') };

/** What Trusted Types let pass: the package's worker, and the demo's own service worker. */
const TRUSTED_TYPES = "; require-trusted-types-for 'script'; trusted-types valet-key demo";

const pagePolicy = ({ connect, tokensInPage, trustedTypes }) =>
  [
    "default-src 'none'",
    `script-src ${tokensInPage ? VAULT.scripts : "'self'"}`,
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src ${tokensInPage ? VAULT.calls(connect) : "'self'"}`,
    "worker-src 'self'",
    `frame-src ${VAULT.calls(connect)}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'self'",
  ].join('; ') + (trustedTypes ? TRUSTED_TYPES : '');

/**
 * Documents that the demo shows in a frame, with more rights than the page: one keeps tokens in the page, to show what a script finds
 * there, and calls the demo's own servers only; the other one asks a provider what the doctor has to know.
 */
const FRAMES = {
  '/www/theft_frame.html': (settings) =>
    pagePolicy({ ...settings, tokensInPage: true, connect: serversOf(settings.config) }),
  '/www/doctor_frame.html': (settings) =>
    pagePolicy(settings).replace("connect-src 'self'", `connect-src ${VAULT.calls(settings.connect)}`),
};

/** The origins of the provider and the APIs in a configuration. */
const serversOf = (config) => [...new Set([config?.issuer, ...(config?.api ?? [])].filter(Boolean).map(originOf))];
const originOf = (url) => new URL(url).origin;

const workerPolicy = ({ connect }) =>
  ["default-src 'none'", `script-src ${VAULT.scripts}`, `connect-src ${VAULT.calls(connect)}`].join('; ');

/**
 * @param {object} options
 * @param {number} [options.port]
 * @param {string} [options.host]
 * @param {object | null} [options.config] the content of `/www/config.json`; may be set later
 * @param {string[]} [options.connect] the addresses that the worker may call
 * @param {string} [options.document] the page at `/www/`, if not the demo
 * @param {string} [options.before] markup for the very beginning of the page's head, for tests
 * @param {Record<string, string | { text: string | Buffer, type: string } | null>} [options.scripts] replacements of
 *   files, for tests, served as JavaScript unless a type is given; `null` removes a file
 * @param {{ page?: string, worker?: string, callback?: string, sendsOn?: boolean }} [options.policies] other policies than the
 *   recommended, for tests; `sendsOn`: the redirect page of a guard sends the browser on to another sealed page
 * @param {Record<string, string>} [options.headers] further headers of every file, for tests
 * @param {string[]} [options.pages] further addresses of the page, to the letter, for tests
 * @param {boolean} [options.serviceWorkers] whether the site serves the scripts of service workers
 * @param {boolean} [options.trustedTypes] whether the page demands Trusted Types
 * @param {boolean} [options.tokensInPage] whether the vault is in the page instead of a worker
 * @param {((jwk: object) => unknown) | null} [options.registerKey] registers the public key of the demo's job at its provider
 * @param {object | null} [options.pinned] the content of `/pkg/guard/options.json`; may be set later
 */
export async function startSite({
  port = 0,
  host = 'localhost',
  config = null,
  connect = [],
  document,
  before = '',
  scripts = {},
  policies = {},
  headers = {},
  pages = [],
  tokensInPage = false,
  trustedTypes = false,
  serviceWorkers = true,
  pinned = null,
  registerKey = null,
} = {}) {
  port ||= await portNear();
  const site = {
    origin: `http://${host}:${port}`,
    url: `http://${host}:${port}/www/`,
    requests: [],
    /** The reports of the spy, as JSON texts: lists of `[channel, text]`. */
    spied: [],
    settings: {
      config,
      pinned,
      connect,
      document,
      before,
      scripts,
      policies,
      headers,
      pages,
      tokensInPage,
      trustedTypes,
      registerKey,
    },
    get server() {
      return server;
    },
    close: () => close(server),
  };

  const files = sirv(ROOT, {
    dev: true,
    onNoMatch: (request, response) => response.writeHead(404).end(),
  });

  const server = serverOf(async (request, response) => {
    const { settings } = site;
    // A second folder with the same files and other options.
    const isSecond = request.url.startsWith('/second/');
    if (isSecond) request.url = request.url.replace('/second/', '/pkg/guard/');
    const path = pathOf(request);
    record(site.requests, request, response);
    response.setHeader('cache-control', 'no-store');
    response.setHeader('referrer-policy', 'no-referrer');
    response.setHeader('x-content-type-options', 'nosniff');
    for (const [name, value] of Object.entries(settings.headers)) response.setHeader(name, value);
    response.setHeader(
      'content-security-policy',
      /^\/pkg\/guard\/(callback|sealed)[.]html$/.test(path)
        ? (settings.policies.callback ?? "default-src 'none'; sandbox")
        : /^\/(pkg\/wasm|pkg\/guard|valet-key|uploads)\/.*worker[.]js$/.test(path)
          ? (settings.policies.worker ?? workerPolicy(settings))
          : (settings.policies.page ?? (FRAMES[path] ?? pagePolicy)(settings)),
    );

    if (settings.pages.includes(request.url.split('?')[0])) {
      return html(response, (await page(settings)).replace(/(href|src)="(?=\w+[.])/g, '$1="/www/'));
    }
    // Browsers send this header with the script of a service worker.
    if (!serviceWorkers && request.headers['service-worker']) return response.writeHead(404).end();
    if (path === '/') return response.writeHead(302, { location: '/www/' }).end();
    if (path === '/www/config.json')
      return settings.config ? json(response, settings.config) : response.writeHead(404).end();
    if (settings.policies.sendsOn && path === '/pkg/guard/callback.html')
      return response.writeHead(303, { location: 'sealed.html#-' }).end();
    if (path === '/pkg/guard/options.json')
      return settings.pinned
        ? json(response, { ...settings.pinned, ...(isSecond && { clientId: 'second' }) })
        : response.writeHead(404).end();
    if (path === '/spy.js') return script(response, await readFile(SPY));
    if (Object.hasOwn(settings.scripts, path)) {
      const instead = settings.scripts[path];
      return instead === null ? response.writeHead(404).end() : script(response, instead.text ?? instead, instead.type);
    }
    if (path === '/www/register_key' && settings.registerKey && request.method === 'POST') {
      // Any other site can send such a request to this machine.
      if (request.headers.origin !== site.origin) return response.writeHead(403).end();
      settings.registerKey(JSON.parse(await bodyOf(request, 10_000)));
      return response.writeHead(204).end();
    }
    if (path === '/spy' && request.method === 'POST') {
      site.spied.push(await bodyOf(request, 50_000_000));
      return response.writeHead(204).end();
    }
    if (path === '/www/' && (settings.document || settings.before)) return html(response, await page(settings));
    // No other file of the repository is served.
    if (!/^\/(www|pkg)\//.test(path)) return response.writeHead(404).end();
    return files(request, response);
  });
  await listen(server, port);
  return site;
}

/** The page at `/www/`. */
async function page({ document, before }) {
  const text = document ?? (await readFile(`${ROOT}www/index.html`, 'utf8'));
  return text.replace(/<head>/, `<head>${before}`);
}

function html(response, text) {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(text);
}

function json(response, value) {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function script(response, text, type = 'text/javascript') {
  response.writeHead(200, { 'content-type': type });
  response.end(text);
}
