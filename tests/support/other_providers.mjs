/**
 * Third-party providers to sign in to, in several languages.
 *
 * Each is a program of `tests/providers`, behind a {@link startRecorder recorder}, and shows its users its own pages.
 */
import { Endpoints } from './endpoints.mjs';
import { portNear } from './loopback.mjs';
import { PYTHON, startProgram } from './program.mjs';
import { startRecorder } from './recorder.mjs';
import { PASSWORD, USERS } from './users.mjs';

/** @typedef {import('./page.mjs').Page} Page */

/**
 * A provider and its abilities.
 *
 * @typedef {object} Kind
 * @property {string[]} program
 * @property {string} path of the issuer
 * @property {RegExp} [sub] the `sub` of alice; plain OAuth 2 has none
 * @property {Endpoints} endpoints
 * @property {(origin: string) => object} [config] further options for the app's configuration
 * @property {Record<string, string>} [claims] the UserInfo claims of alice; `undefined` if there is no UserInfo
 * @property {(response: any) => { sub: string, scope?: string }} [tokenInfo] converts its response about a token to
 *   what an API needs
 * @property {boolean} [rotates] whether a refresh returns a new refresh token
 * @property {number} [pause] minimum milliseconds between two token responses
 * @property {'code' | 'refusal' | 'page'} [silence] the outcome of `prompt=none` for a known user: a code, an error, or
 *   a page of the provider and no response; plain OAuth 2 has no `prompt`
 * @property {number} [fresh] milliseconds during which a login satisfies `prompt=login`
 * @property {boolean} [leaves] whether it has a sign-out page
 * @property {boolean} [endsTokens] whether a sign-out ends the access token
 * @property {(page: Page) => Promise<void>} login alice logs in
 * @property {boolean} [own] it treats the app as its own, and asks for consent only if configured to
 * @property {(page: Page) => Promise<void>} [renewLogin] alice logs in again, although she is known
 * @property {(page: Page) => Promise<void>} consent alice allows the requested scopes
 * @property {(page: Page) => Promise<void>} [deny] alice refuses
 * @property {(page: Page) => Promise<void>} [again] alice is asked again, although she is known and has consented
 * @property {(page: Page) => Promise<void>} [logout] alice confirms that she signs out at the provider, too
 */

const CLAIMS = { name: USERS.alice.name, email: USERS.alice.email };

/** @satisfies {Record<string, Kind>} */
const KINDS = {
  canaille: {
    program: [...PYTHON, 'canaille_provider.py'],
    path: '',
    sub: /^alice$/,
    claims: CLAIMS,
    rotates: true,
    pause: 1100, // two tokens issued in the same second are equal
    silence: 'code',
    leaves: true,
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
    async renewLogin(page) {
      await page.fill('Password', PASSWORD);
      await page.click('button', 'Sign in');
    },
    consent: (page) => page.click('button', 'Accept'),
    deny: (page) => page.click('button', 'Deny'),
  },

  'django-oauth-toolkit': {
    program: [...PYTHON, 'django_oauth_toolkit_provider.py'],
    path: '/o',
    sub: /^1$/,
    claims: CLAIMS,
    rotates: true,
    silence: 'page',
    leaves: true,
    endsTokens: true,
    endpoints: new Endpoints({
      authorization: ['/o/authorize/'],
      token: ['/o/token/'],
      revocation: ['/o/revoke_token/'],
      userinfo: ['/o/userinfo/'],
    }),
    login: logInToDjango,
    consent: (page) => page.click('button', 'Authorize'),
    deny: (page) => page.click('button', 'Cancel'),
    again: (page) => page.click('button', 'Authorize'),
    logout: (page) => page.click('button', 'Logout'),
  },

  'django-oidc-provider': {
    program: [...PYTHON, 'django_oidc_provider.py'],
    path: '/openid',
    sub: /^1$/,
    claims: CLAIMS,
    rotates: true,
    silence: 'refusal',
    leaves: true,
    endpoints: new Endpoints({
      authorization: ['/openid/authorize'],
      token: ['/openid/token'],
      revocation: [],
      userinfo: ['/openid/userinfo'],
    }),
    login: logInToDjango,
    consent: (page) => page.click('button', 'Authorize'),
    deny: (page) => page.click('button', 'Decline'),
    again: (page) => page.click('button', 'Authorize'),
  },

  doorkeeper: {
    program: ['ruby', 'doorkeeper_provider.rb'],
    path: '',
    config: (origin) => ({
      issuer: undefined,
      scope: 'profile email',
      server: {
        authorization_endpoint: `${origin}/oauth/authorize`,
        token_endpoint: `${origin}/oauth/token`,
        revocation_endpoint: `${origin}/oauth/revoke`,
      },
    }),
    tokenInfo: ({ resource_owner_id: sub, scope }) => ({ sub: String(sub), scope: scope.join(' ') }),
    rotates: true,
    endsTokens: true,
    endpoints: new Endpoints({
      authorization: ['/oauth/authorize'],
      token: ['/oauth/token'],
      revocation: ['/oauth/revoke'],
      userinfo: ['/oauth/token/info'],
    }),
    async login(page) {
      await page.fill('User', 'alice');
      await page.fill('Password', PASSWORD);
      await page.click('button', 'Log in');
    },
    consent: (page) => page.click('button', 'Authorize'),
    deny: (page) => page.click('button', 'Deny'),
    again: (page) => page.click('button', 'Authorize'),
  },

  glewlwyd: {
    program: [...PYTHON, 'glewlwyd_provider.py'],
    path: '/api/oidc',
    sub: /^\w{32}$/, // random for each user
    tokenInfo: ({ email }) => ({ sub: email }), // in base64, `sub` equals a part of the access token
    claims: CLAIMS,
    rotates: true,
    silence: 'refusal',
    leaves: true,
    endsTokens: true,
    endpoints: new Endpoints({
      authorization: ['/api/oidc/auth'],
      pushed: ['/api/oidc/par'],
      token: ['/api/oidc/token'],
      revocation: ['/api/oidc/revoke'],
      userinfo: ['/api/oidc/userinfo'],
    }),
    async login(page) {
      await page.fill('Login', 'alice');
      await page.fill('Password', PASSWORD);
      await page.click('button', 'OK');
    },
    async consent(page) {
      await page.check('profile');
      await page.check('email');
      await page.click('button', 'Grant access');
      await page.see('What do you wish for?');
      await page.click('button', 'Continue');
    },
    async again(page) {
      await page.see('What do you wish for?');
      await page.click('button', 'Continue');
    },
    logout: (page) => page.click('button', 'Logout'),
  },

  'lemonldap-ng': {
    program: ['perl', 'lemonldap_ng_provider.pl'],
    path: '',
    sub: /^alice$/,
    claims: CLAIMS,
    own: true,
    fresh: 6000,
    silence: 'code',
    leaves: true,
    endsTokens: true,
    endpoints: new Endpoints({
      authorization: ['/oauth2/authorize'],
      token: ['/oauth2/token'],
      revocation: [],
      userinfo: ['/oauth2/userinfo'],
    }),
    async login(page) {
      await page.fill('Login', 'alice');
      await page.fill('Password', 'alice'); // its demo provider accepts the name
      await page.click('button', 'Connect');
    },
    async renewLogin(page) {
      await page.click('button', 'Renew session');
      await page.fill('Password', 'alice');
      await page.click('button', 'Connect');
    },
    consent: (page) => page.click('button', 'Accept'),
    deny: (page) => page.click('button', 'Refuse'),
    logout: (page) => page.click('button', 'Accept'),
  },
};

async function logInToDjango(page) {
  await page.fill('Username:', 'alice');
  await page.fill('Password:', PASSWORD);
  await page.click('button', 'Log in');
}

/** Whether a provider with stories of its own is chosen. @param {string} name */
export const isChosen = (name) => process.env.VALET_KEY_PROVIDERS?.split(',').includes(name) ?? true;

const CHOSEN = process.env.VALET_KEY_PROVIDERS?.split(',') ?? Object.keys(KINDS);

/** How to start each provider, by name: those that `VALET_KEY_PROVIDERS` names, or all. */
export const OTHER_PROVIDERS = Object.fromEntries(
  CHOSEN.filter((name) => name in KINDS).map((name) => [name, (options) => start(KINDS[name], options)]),
);

/**
 * @param {Kind} kind
 * @param {object} options
 * @param {string[]} options.origins the origins of the page
 * @param {boolean} [options.asks] whether the user is asked for consent even if the app is the provider's own
 * @param {boolean} [options.pushed] whether Glewlwyd requires pushed authorization requests
 */
async function start(
  { program, path, endpoints, config, own, tokenInfo = (info) => info, ...kind },
  { origins: [origin], asks = false, pushed = false },
) {
  const port = await portNear();
  const host = `localhost:${port}`;
  const issuer = `http://${host}${path}`;
  const told = {
    host,
    origin,
    page: `${origin}/www/`,
    user: 'alice',
    ...USERS.alice,
    password: PASSWORD,
    asks,
    pushed,
  };
  const server = await startProgram(program, told);
  const recorder = await startRecorder({ port, behind: server.port, endpoints });
  return {
    pause: 0,
    fresh: 0,
    leaves: false,
    endsTokens: false,
    ...kind,
    renewLogin: kind.renewLogin ?? kind.login,
    ...(own && !asks && { consent: async () => {}, deny: undefined }),
    issuer,
    config: config?.(`http://${host}`),
    issued: recorder.issued,
    requests: recorder.requests,
    count: (endpoint) => endpoints.count(recorder.requests, endpoint),
    /** The token information for an API: an API knows no more than a page does, so this is the user of the token. */
    introspect: async (token) => {
      const [userinfo] = endpoints.paths('userinfo');
      const response = await fetch(`http://${host}${userinfo}`, { headers: { authorization: `Bearer ${token}` } });
      return response.ok ? tokenInfo(await response.json()) : null;
    },
    /** From here on Glewlwyd signs with another key under the same key id. */
    replaceKey: () => server.wish('key'),
    close: () => Promise.all([recorder.close(), server.close()]),
  };
}
