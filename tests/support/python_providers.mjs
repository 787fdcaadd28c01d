/**
 * Two more providers to sign in to, of other makers and in another language: canaille, made with Authlib, and
 * django-oauth-toolkit. Each is a program of `tests/providers`, behind a {@link startRecorder recorder}, and shows its
 * users its own pages.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Endpoints } from './endpoints.mjs';
import { portNear } from './loopback.mjs';
import { startRecorder } from './recorder.mjs';
import { PASSWORD, USERS } from './users.mjs';

/** Where `cargo xtask` puts it. */
const BUILT = fileURLToPath(new URL('../../target/python/bin/python', import.meta.url));

const PYTHON = process.env.PROVIDERS_PYTHON ?? BUILT;

/**
 * @typedef {object} Kind
 * @property {string} program
 * @property {string} path of the issuer
 * @property {string} sub what it calls alice
 * @property {number} pause milliseconds that must lie between two answers with tokens
 * @property {Endpoints} endpoints
 * @property {(page: Page) => Promise<void>} login alice says who she is
 * @property {(page: Page) => Promise<void>} consent she allows what is asked for
 * @property {(page: Page) => Promise<void>} deny or does not
 * @property {(page: Page) => Promise<void>} logout she says that she wants to leave the provider, too
 */

/** @typedef {import('./page.mjs').Page} Page */

/** @type {Kind} */
const CANAILLE = {
  program: 'canaille_provider.py',
  path: '',
  sub: 'alice',
  pause: 1100, // two tokens of the same second are equal
  endpoints: new Endpoints({
    authorization: ['/oauth/authorize'],
    token: ['/oauth/token'],
    revocation: ['/oauth/revoke'],
    userinfo: ['/oauth/userinfo'],
  }),
  async login(page) {
    await page.fill('Login', 'alice');
    await page.click('button', 'Continue');
    await page.fill('Password', PASSWORD);
    await page.click('button', 'Sign in');
  },
  consent: (page) => page.click('button', 'Accept'),
  deny: (page) => page.click('button', 'Deny'),
  logout: (page) => page.click('button', 'Logout'),
};

/** @type {Kind} */
const DJANGO = {
  program: 'django_provider.py',
  path: '/o',
  sub: '1',
  pause: 0,
  endpoints: new Endpoints({
    authorization: ['/o/authorize/'],
    token: ['/o/token/'],
    revocation: ['/o/revoke_token/'],
    userinfo: ['/o/userinfo/'],
  }),
  async login(page) {
    await page.fill('Username:', 'alice');
    await page.fill('Password:', PASSWORD);
    await page.click('button', 'Log in');
  },
  consent: (page) => page.click('button', 'Authorize'),
  deny: (page) => page.click('button', 'Cancel'),
  logout: (page) => page.click('button', 'Logout'),
};

/**
 * canaille takes clients at the domains that it trusts for its own: no question whether they may, and the way back after
 * signing out, which others need an ID Token for.
 *
 * @param {{ origins: string[], trusted?: string[] }} options
 */
export const startCanaille = ({ origins, trusted = [] }) => start(CANAILLE, { origins, trusted });

/** @param {{ origins: string[] }} options */
export const startDjango = ({ origins }) => start(DJANGO, { origins });

/** @param {Kind} kind */
async function start({ program, path, endpoints, ...kind }, { origins: [origin], ...more }) {
  const port = await portNear();
  const host = `localhost:${port}`;
  const issuer = `http://${host}${path}`;
  const told = { host, origin, page: `${origin}/www/`, user: 'alice', ...USERS.alice, password: PASSWORD, ...more };
  const server = await run(program, told);
  const recorder = await startRecorder({ port, behind: server.port, endpoints });
  return {
    ...kind,
    issuer,
    issued: recorder.issued,
    requests: recorder.requests,
    count: (endpoint) => endpoints.count(recorder.requests, endpoint),
    /** What it says of a token to an API, which knows no more than a page: whose it is. */
    introspect: async (token) => {
      const [userinfo] = endpoints.paths('userinfo');
      const response = await fetch(`http://${host}${userinfo}`, { headers: { authorization: `Bearer ${token}` } });
      return response.ok ? response.json() : null;
    },
    close: () => Promise.all([recorder.close(), server.close()]),
  };
}

/** A program of `tests/providers`. It lives for as long as its standard input is open. */
async function run(program, told) {
  const file = fileURLToPath(new URL(`../providers/${program}`, import.meta.url));
  const child = spawn(PYTHON, ['-B', file, JSON.stringify(told)]); // `-B` leaves nothing beside the sources
  const trouble = text(child.stderr);
  const over = once(child, 'exit').catch((cause) => {
    throw new Error(`${PYTHON} cannot be started; \`cargo xtask test e2e\` makes one that can`, { cause });
  });
  const failed = over.then(async () => {
    throw new Error(`${program} did not start:\n${await trouble}`);
  });
  const [port] = await Promise.race([once(createInterface(child.stdout), 'line'), failed]);
  return { port: Number(port), close: () => (child.stdin.end(), over) };
}
