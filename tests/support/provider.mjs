/**
 * An OpenID provider to sign in to, in the tests and in the demo: npm's certified `oidc-provider` on loopback, with its
 * own login and consent pages.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Provider } from 'oidc-provider';
import { Endpoints } from './endpoints.mjs';
import { Interaction } from './interaction.mjs';
import { Issued } from './issued.mjs';
import { bodyOf, close, listen, pathOf, portNear, record, serverOf } from './loopback.mjs';
import { memory } from './memory.mjs';
import { Outage } from './outage.mjs';
import { devicePage, errorPage, logoutPage, signedOutPage } from './provider_pages.mjs';
import { claimsOf } from './users.mjs';

/** The API's credentials for introspection. */
const API_CLIENT = { id: 'api', secret: 'api-on-loopback' };

/**
 * A client that has to show a secret, as those of some providers do. The ID is short: the API tells it to the page, see `idFactory`. The
 * secret is as long as the pieces that are searched for.
 */
export const RELAYED_CLIENT = { id: 'web', secret: 'web-on-loopback-keeps-this-on-its-server' };

/** A client without a guard, whose redirect pages are pages of the app. */
export const UNGUARDED_CLIENT = 'unguarded';

/** A client of the same organization as the provider, whose users are not asked for consent. It keeps its tokens in the page. */
export const PAGE_CLIENT = 'page';

/** The redirect page of sign-ins in another window or frame. */
export const WINDOW_PATH = '/www/returned.html';

/** Metadata are available at two paths. */
const ENDPOINTS = new Endpoints({
  discovery: ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'],
  authorization: ['/auth'],
  device: ['/device/auth'],
  token: ['/token'],
  jwks: ['/jwks'],
  pushed: ['/request'],
  revocation: ['/token/revocation'],
  userinfo: ['/me'],
  end_session: ['/session/end'],
});

/**
 * @param {object} options
 * @param {number} [options.port] 0 for any free port
 * @param {string} [options.host] the host of the issuer; the server always listens on loopback
 * @param {string[]} options.origins the pages that may call this provider
 * @param {string} [options.path] the path of the app
 * @param {string} [options.redirectPath] the path of the redirect page
 * @param {string} [options.name] what the login page shows; the cookies of providers with other names are apart, since cookies do not
 *   distinguish ports
 * @param {number} [options.accessTokenSeconds]
 * @param {boolean} [options.refreshTokens]
 * @param {boolean | 'offered'} [options.bound] whether clients may push their requests and prove a key, and unless that is only
 *   `offered`, have to do so, with nonces of the provider's
 */
export async function startProvider({
  port = 0,
  host = 'localhost',
  origins,
  path = '/www/',
  redirectPath = path,
  name,
  accessTokenSeconds = 600,
  refreshTokens = true,
  bound = false,
}) {
  port ||= await portNear();
  const issuer = `http://${host}:${port}`;
  /**
   * `alter` changes the responses of endpoints: it gets the path and the body, and returns the body to send. `inFrame`
   * is a page that replaces the response to silent sign-ins; `null` is a page that refuses to be framed. `audienceOf` is the
   * audience of the tokens for a resource (RFC 8707), and `formatOf` their format. `usesGrantedResource` says whether a token request that
   * names no resource gets a token for the one that was granted. `grantable` is what the user grants of an authorization detail. `agreeing` is
   * a user who logs in and consents to everything, and sees no page for it.
   */
  const settings = {
    name,
    accessTokenSeconds,
    refreshTokens,
    inFrame: undefined,
    alter: (path, body) => body,
    audienceOf: (resource) => resource,
    formatOf: () => 'jwt',
    usesGrantedResource: true,
    grantable: (detail) => detail,
    agreeing: null,
  };
  const issued = new Issued();
  const outage = new Outage();
  const delays = new Map();
  const requests = [];

  const pages = origins.map((origin) => origin + path);
  const redirectPages = origins.map((origin) => origin + redirectPath);
  const windowPages = origins.map((origin) => origin + WINDOW_PATH);
  const adapter = memory();
  const provider = new Provider(
    issuer,
    configuration({ adapter, pages, redirectPages, windowPages, origins, settings, bound }),
  );
  provider.use(async (context, next) => {
    await next();
    if (context.body) context.body = settings.alter(context.path, context.body);
  });
  provider.use(async (context, next) => {
    await next();
    if (!context.oidc) return;
    const { path, query, body: answer } = context;
    issued.note({
      endpoint: ENDPOINTS.at(path),
      query,
      form: { ...context.oidc.body, ...context.oidc.params },
      answer,
      location: context.response.get('location'),
    });
  });
  provider.on('server_error', (context, error) => console.error(error));
  const answer = provider.callback();

  const server = serverOf(async (request, response) => {
    const path = pathOf(request);
    record(requests, request, response);
    if (settings.inFrame !== undefined && path === '/auth') {
      response.writeHead(200, {
        'content-type': 'text/html',
        ...(settings.inFrame === null && { 'x-frame-options': 'DENY' }),
      });
      return response.end(`<!doctype html><title>Sign in</title>${settings.inFrame ?? ''}`);
    }
    // The provider lets pages read all responses but those of its registration.
    if (path === '/reg' && origins.includes(request.headers.origin)) {
      response.setHeader('access-control-allow-origin', request.headers.origin);
      response.setHeader('access-control-allow-headers', 'content-type');
      if (request.method === 'OPTIONS') return response.writeHead(204).end();
    }
    if (outage.answers(request, response, path)) return;
    if (request.method !== 'OPTIONS') await sleep(delays.get(path) ?? 0);
    if (!path.startsWith('/interaction/')) return answer(request, response);
    try {
      const interaction = await Interaction.of(provider, request, response, { origins, settings });
      if (request.method === 'POST') await interaction.submit(new URLSearchParams(await bodyOf(request)));
      else if (settings.agreeing) await interaction.agree(settings.agreeing);
      else await interaction.show();
    } catch (error) {
      response.writeHead(400, { 'content-type': 'text/html; charset=utf-8' });
      response.end(
        errorPage({ error: error.error ?? 'error', error_description: error.error_description ?? error.message }),
      );
    }
  });
  await listen(server, port);

  return {
    issuer,
    issued,
    requests,
    settings,
    /** Makes an endpoint fail until `recover()`. See {@link Outage}. */
    fail: (kind, endpoint) => ENDPOINTS.paths(endpoint).forEach((path) => outage.begin(kind, path)),
    recover: () => outage.end(),
    /** A client's metadata, as registered; `undefined` without one. */
    client: (clientId) => adapter('Client').find(clientId),
    /** Loses a client, as a provider does that keeps its clients in memory. */
    loseClient: (clientId) => adapter('Client').destroy(clientId),
    /** Registers a client with a key for every kind of sign-in, as its developer does by hand. */
    registerKey: (clientId, jwk) =>
      adapter('Client').upsert(clientId, {
        client_id: clientId,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [jwk] },
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        response_types: ['code'],
        redirect_uris: redirectPages,
        post_logout_redirect_uris: pages,
      }),
    /** Delays an endpoint, in milliseconds. */
    delay: (endpoint, time) => ENDPOINTS.paths(endpoint).forEach((path) => delays.set(path, time)),
    /** How many requests an endpoint received, without preflights. */
    count: (endpoint) => ENDPOINTS.count(requests, endpoint),
    /** The introspection response for the API (RFC 7662), or `null` if the token is not valid. */
    introspect: (token) => introspect(issuer, token),
    server,
    close: () => close(server),
  };
}

function configuration({ adapter, pages, redirectPages, windowPages, origins, settings, bound }) {
  let registered = 0;
  return {
    adapter,
    clients: [
      {
        client_id: 'demo',
        client_name: 'Valet Key demo',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
        redirect_uris: redirectPages,
        post_logout_redirect_uris: [...pages, ...pages.map((page) => `${page}?tab=2`)],
        ...(bound === true && { dpop_bound_access_tokens: true, require_pushed_authorization_requests: true }),
        authorization_details_types: ['payment'],
      },
      {
        client_id: 'second',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: origins.map((origin) => `${origin}/second/callback.html`),
      },
      {
        client_id: UNGUARDED_CLIENT,
        client_name: 'Valet Key demo',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: pages,
        post_logout_redirect_uris: pages,
      },
      {
        client_id: PAGE_CLIENT,
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: windowPages,
      },
      {
        client_id: 'signed',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: pages,
        userinfo_signed_response_alg: 'ES256',
        id_token_signed_response_alg: 'ES256',
      },
      {
        client_id: RELAYED_CLIENT.id,
        client_secret: RELAYED_CLIENT.secret,
        token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: redirectPages,
        post_logout_redirect_uris: pages,
      },
      {
        client_id: API_CLIENT.id,
        client_secret: API_CLIENT.secret,
        grant_types: [],
        response_types: [],
        redirect_uris: [],
      },
    ],
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username'],
      email: ['email', 'email_verified'],
    },
    // A page gets the user's name from the ID Token; without this it would need a second request.
    conformIdTokenClaims: false,
    scopes: ['openid', 'profile', 'email', 'photos', 'notes:read', 'notes:write', 'offline_access'],
    clientBasedCORS: (context, origin) => origins.includes(origin),
    cookies: { keys: [randomBytes(32).toString('hex')], names: cookieNames(settings.name) },
    jwks: { keys: signingKeys() },
    pkce: { required: () => true },
    responseTypes: ['code'],
    issueRefreshToken: async () => settings.refreshTokens,
    rotateRefreshToken: true,
    // The client revokes both tokens at once. With the default, whether the grant goes with them, and the provider asks for
    // consent again, would depend on which request arrives first.
    revokeGrantPolicy: () => true,
    ttl: {
      AccessToken: () => settings.accessTokenSeconds,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    features: {
      claimsParameter: { enabled: true },
      clientCredentials: { enabled: true },
      jwtUserinfo: { enabled: true },
      // The IDs are short: the API tells the client ID, which no piece of an ID Token that is searched for may equal.
      registration: { enabled: true, idFactory: () => `r${(registered += 1)}` },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: async (context, form, out, error) => {
          context.body = devicePage({
            title: 'Enter the code',
            form,
            belongsTo: 'op.deviceInputForm',
            mistake: Boolean(error),
          });
        },
        userCodeConfirmSource: async (context, form, client, info, userCode) => {
          context.body = devicePage({ title: 'Is this your code?', form, belongsTo: 'op.deviceConfirmForm', userCode });
        },
        successSource: async (context) => {
          context.body = devicePage({ title: 'Your device is signed in' });
        },
      },
      devInteractions: { enabled: false },
      dPoP: { enabled: Boolean(bound), nonceSecret: randomBytes(32), requireNonce: () => bound === true },
      pushedAuthorizationRequests: { enabled: Boolean(bound) },
      introspection: { enabled: true, allowedPolicy: async (context, client) => client.clientId === API_CLIENT.id },
      // The tokens for a resource are JWTs, which show their audience, unless a test needs tokens that can be introspected.
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: async (context, resource) => ({
          scope: 'photos notes:read notes:write',
          audience: settings.audienceOf(resource),
          accessTokenFormat: settings.formatOf(resource),
          jwt: { sign: { alg: 'ES256' } },
        }),
        useGrantedResource: async () => settings.usesGrantedResource,
      },
      richAuthorizationRequests: {
        enabled: true,
        types: { payment: { validate: () => {} } },
        authorizationDetailsForGrantSource: (context) => context.oidc.grant.rar,
        authorizationDetailsForAccessToken: (context, token, source) => source.rar,
        authorizationDetailsForIntrospection: (context, token) => token.rar,
      },
      revocation: {
        enabled: true,
        allowedPolicy: async (context, client, token) => token.clientId === client.clientId,
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (context, form) => {
          context.body = logoutPage(form);
        },
        postLogoutSuccessSource: async (context) => {
          context.body = signedOutPage();
        },
      },
    },
    loadExistingGrant: grantOf,
    interactions: { url: (context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: async (context, sub) => ({ accountId: sub, claims: async () => claimsOf(sub) }),
    renderError: async (context, out) => {
      context.type = 'html';
      context.body = errorPage(out);
    },
  };
}

/** @param {string} [name] of the provider */
function cookieNames(name = '') {
  const prefix = name.toLowerCase().replace(/\W+/g, '_');
  return { session: `${prefix}_session`, interaction: `${prefix}_interaction`, resume: `${prefix}_resume` };
}

/** What the user has granted to the client of a request before. */
async function grantOf({ oidc }) {
  const { client, session, result, params, provider } = oidc;
  const id = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  const grant = id && (await provider.Grant.find(id));
  if (grant || client.clientId !== PAGE_CLIENT || !session.accountId) return grant;
  const own = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  own.addOIDCScope(params.scope);
  await own.save();
  return own;
}

/** Generated at each start, because a key in a repository is not secret. */
function signingKeys() {
  const pairs = {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  };
  return Object.entries(pairs).map(([alg, { privateKey }]) => ({
    ...privateKey.export({ format: 'jwk' }),
    alg,
    use: 'sig',
    kid: `${alg.toLowerCase()}-${randomBytes(4).toString('hex')}`,
  }));
}

async function introspect(issuer, token) {
  const credentials = Buffer.from(`${API_CLIENT.id}:${API_CLIENT.secret}`).toString('base64');
  const response = await fetch(`${issuer}/token/introspection`, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ token }),
  });
  const answer = await response.json();
  return answer.active ? answer : null;
}
