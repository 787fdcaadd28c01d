/**
 * A small OAuth 2 and OpenID Connect provider for the tests of an app, as one function from a `Request` to a `Response`. It signs
 * users in without a password, so it is no provider for users. `index.d.ts` documents it.
 */

import { configError } from '../errors.js';
import { checked, noHandler } from './api.js';
import { authorize } from './authorization.js';
import { random } from './base64url.js';
import { Clock } from './clock.js';
import { Devices } from './devices.js';
import { Failures, failed } from './failures.js';
import { Grants } from './grants.js';
import { Keys } from './keys.js';
import { Logins } from './logins.js';
import { endSession } from './logout.js';
import { metadata } from './metadata.js';
import { textPage } from './pages.js';
import { described } from './request_log.js';
import { challenge, isLoopback, json, refusal, withCors } from './responses.js';
import { settingsOf } from './settings.js';
import { issueAccessToken, issueTokens } from './token.js';
import { Users, claimsOf } from './users.js';

/** @typedef {import('./index.d.ts').Endpoint} Endpoint */
/** @typedef {import('./index.d.ts').TestProviderOptions} Options */
/** @typedef {import('./index.d.ts').TestProvider} Shape */
/** @typedef {import('./settings.js').Settings} Settings */

/**
 * What the endpoints share.
 * @typedef {object} Parts
 * @property {string} issuer @property {string} origin @property {Settings} settings @property {Clock} clock @property {Keys} keys
 * @property {Users} users @property {Logins} logins @property {Grants} grants @property {Devices} devices
 */

/** By path below the issuer: the name of the endpoint. @type {Record<string, Endpoint>} */
const PATHS = {
  '/.well-known/openid-configuration': 'discovery',
  '/.well-known/oauth-authorization-server': 'discovery',
  '/authorize': 'authorization',
  '/token': 'token',
  '/jwks': 'jwks',
  '/userinfo': 'userinfo',
  '/revoke': 'revocation',
  '/logout': 'end_session',
  '/device_authorization': 'device_authorization',
  '/device': 'device',
};

/** @type {typeof import('./index.d.ts').createTestProvider} */
export function createTestProvider(options) {
  return new TestProvider(options);
}

/** @implements {Shape} */
class TestProvider {
  issuer;
  apiUrl;
  settings;
  /** @type {import('./index.d.ts').ProviderRequest[]} */
  requests = [];
  /** @type {Parts} */
  #parts;
  #failures = new Failures();
  /** @type {import('./index.d.ts').ApiHandler} */
  #handler = noHandler;

  /** @param {Options} options */
  constructor(options) {
    const { issuer, users, sessions = 'shared', clock: read = Date.now } = options;
    if (!URL.canParse(issuer) || /[?#]|\/$/.test(issuer))
      throw configError(
        'option `issuer`: not an address without a slash at its end',
        "Write one such as `'https://id.example.com'`, or start the provider in Node with `valet-key/testing/node`.",
      );
    const { origin } = new URL(issuer);
    const clock = new Clock(read);
    this.issuer = issuer;
    this.apiUrl = `${issuer}/api/`;
    this.settings = settingsOf(options);
    const grants = new Grants(clock, this.settings);
    const logins = new Logins(clock, this.settings, sessions === 'shared', issuer);
    const parts = {
      issuer,
      origin,
      settings: this.settings,
      clock,
      keys: new Keys(),
      users: new Users(users),
      logins,
      grants,
    };
    this.#parts = /** @type {Parts} */ (parts);
    this.#parts.devices = new Devices(this.#parts);
  }

  get users() {
    return this.#parts.users.list;
  }

  /**
   * A function that does not use `this`, so that servers and mocks can take it as their handler.
   * @param {Request} request
   */
  fetch = async (request) => {
    const path = new URL(request.url).pathname.slice(new URL(this.issuer).pathname.replace(/\/$/, '').length);
    const endpoint = path.startsWith('/api/') ? 'api' : PATHS[path];
    const record = { method: request.method, path, endpoint, status: 0, ...(await described(request, endpoint)) };
    this.requests.push(record);
    const response = await this.#respond(request, endpoint);
    record.status = response.status;
    return response;
  };

  /** @param {string} sub */
  signInNext(sub) {
    this.#parts.users.next = this.#parts.users.get(sub);
  }

  /** @param {number} seconds */
  advance(seconds) {
    this.#parts.clock.advance(seconds);
  }

  /** @param {Endpoint} endpoint @param {import('./index.d.ts').Failure} failure */
  fail(endpoint, failure) {
    this.#failures.add(endpoint, failure);
  }

  /** @param {Endpoint} endpoint @param {number} milliseconds */
  delay(endpoint, milliseconds) {
    this.#failures.delay(endpoint, milliseconds);
  }

  /** @param {Endpoint} endpoint */
  hold(endpoint) {
    return this.#failures.hold(endpoint);
  }

  recover() {
    this.#failures.end();
  }

  /** @param {string} sub */
  endSession(sub) {
    this.#parts.logins.endOf(this.#parts.users.get(sub).sub);
    this.revokeAll(sub);
  }

  /** @param {string} [sub] */
  revokeAll(sub) {
    this.#parts.grants.end((grant) => sub === undefined || grant.sub === sub);
  }

  async rotateKeys({ keepOld = true } = {}) {
    await this.#parts.keys.rotate(keepOld);
  }

  /** @param {string} userCode @param {string | null} sub */
  finishDevice(userCode, sub) {
    if (sub) this.#parts.users.get(sub);
    if (!this.#parts.devices.finish(userCode, sub ?? undefined))
      throw configError('no device shows this code', 'Pass the `userCode` of a sign-in that has not expired.');
  }

  /** @param {import('./index.d.ts').ApiHandler} handler */
  api(handler) {
    this.#handler = handler;
    return (/** @type {Request} */ request) => this.#shared(request, () => this.#callApi(handler, request));
  }

  /** @param {string} sub @param {{ scope?: string, clientId?: string }} [options] */
  async accessToken(sub, { scope = 'openid', clientId = 'test' } = {}) {
    const { users, clock } = this.#parts;
    const grant = { sub: users.get(sub).sub, clientId, scope, sid: random(9), loginMark: clock.mark(), asked: {} };
    return issueAccessToken(this.#parts, grant, scope);
  }

  /** A function that does not use `this`. @param {string} token */
  introspect = (token) => {
    const found = this.#parts.grants.accessToken(token);
    if (!found) return null;
    const { grant, scope, aud, exp, iat } = found;
    return { sub: grant.sub, client_id: grant.clientId, scope, aud, exp, iat, iss: this.issuer };
  };

  /** @param {Request} request @param {Endpoint | undefined} endpoint */
  async #respond(request, endpoint) {
    if (!endpoint) return textPage('Not found', 'The test provider has no such page.', 404);
    return this.#shared(request, async () => {
      await this.#failures.wait(endpoint);
      const failure = this.#failures.take(endpoint);
      if (failure && !(endpoint === 'authorization' && failure.error)) return failed(failure);
      return this.#perform(request, endpoint, failure);
    });
  }

  /** Lets pages read a response, and responds to their preflights. @param {Request} request @param {() => Promise<Response>} respond */
  async #shared(request, respond) {
    const origin = request.headers.get('origin');
    const isAllowed = origin && (isLoopback(origin) || this.settings.origins.includes(origin));
    const isPreflight = request.method === 'OPTIONS';
    const response = isPreflight ? new Response(null, { status: 204 }) : await respond();
    return isAllowed && response.type !== 'error' ? withCors(request, response) : response;
  }

  /**
   * @param {Request} request @param {Endpoint} endpoint @param {import('./index.d.ts').Failure} [failure]
   * @returns {Promise<Response>}
   */
  async #perform(request, endpoint, failure) {
    const { issuer, keys, grants, devices } = this.#parts;
    if (['token', 'revocation', 'device_authorization'].includes(endpoint) && request.method !== 'POST')
      return refusal('invalid_request', 'This endpoint is called with POST.', 405, { allow: 'POST' });
    const form = async () => new URLSearchParams(await request.text());
    switch (endpoint) {
      case 'discovery':
        return json(metadata(issuer, this.settings));
      case 'jwks':
        return json(await keys.set());
      case 'authorization':
        return authorize(this.#parts, request, failure);
      case 'token':
        return issueTokens(this.#parts, await form());
      case 'userinfo':
        return this.#userinfo(request);
      case 'revocation':
        grants.revoke((await form()).get('token') ?? '');
        return new Response(null);
      case 'end_session':
        return endSession(this.#parts, request);
      case 'device_authorization':
        return devices.begin(await form());
      case 'device':
        return devices.show(request);
      case 'api':
        return this.#callApi(this.#handler, request);
    }
  }

  /** @param {import('./index.d.ts').ApiHandler} handler @param {Request} request */
  #callApi(handler, request) {
    return checked(this.introspect, handler, request);
  }

  /** OpenID Connect Core §5.3. @param {Request} request */
  #userinfo(request) {
    return checked(
      this.introspect,
      (_, { sub, scope }) => {
        if (!scope.split(' ').includes('openid'))
          return challenge({ error: 'insufficient_scope', scope: 'openid' }, 403);
        return json(claimsOf(this.#parts.users.get(sub), scope));
      },
      request,
    );
  }
}
