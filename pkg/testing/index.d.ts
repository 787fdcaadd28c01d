import type { ApiEntry, ChangeReason, Client, ErrorCode, ValetKeyError } from '../index.js';

/**
 * What the tests of an app need: a provider, and a client that needs none. **Not for production**: the provider signs users in without a
 * password, and `docs/testing-apps.md` shows its use.
 *
 * ```js
 * import { startTestProvider } from 'valet-key/testing/node';   // in Node: an address for a browser
 * import { createTestProvider, signedIn } from 'valet-key/testing';
 *
 * const provider = await startTestProvider({ users: [{ sub: 'alice', name: 'Alice' }] });
 * provider.api((request, { sub }) => Response.json({ user: sub }));
 * // Point the app at it: createClient({ issuer: provider.issuer, clientId: 'any', api: [provider.apiUrl], allowLoopbackHttp: true })
 * ```
 */

/**
 * Creates a provider as a function from a `Request` to a `Response`, `provider.fetch`, for a service worker, the handlers of Mock Service
 * Worker, or a browser driver that answers requests. It opens nothing.
 *
 * It offers OAuth 2 and OpenID Connect: discovery, codes with PKCE (S256), refresh tokens that are used once, keys for ES256, UserInfo,
 * revocation, RP-Initiated Logout, `iss` in responses (RFC 9207), `prompt`, `login_hint`, `max_age`, `claims`, and sign-ins on another
 * device (RFC 8628). It knows no secrets of clients, and accepts every `client_id` unless `clientIds` names them.
 *
 * @throws ValetKeyError `config_error` for an option that is wrong
 */
export function createTestProvider(options: TestProviderOptions): TestProvider;

export interface TestProviderOptions {
  /** The issuer identifier, without a slash at its end. All other addresses are below it. */
  issuer: string;
  /** Who can sign in: claims with a `sub`, or only a `sub`. The first one signs in unless a test or a request says otherwise. */
  users: readonly (TestUser | string)[];
  /**
   * Whether a page asks which user signs in, instead of a choice by `login_hint`, `signInNext()` or the first user. Its buttons are the
   * names of the users, and `Cancel`. Default: `false`.
   */
  interactive?: boolean;
  /** The only client IDs that the provider knows. Default: any. */
  clientIds?: readonly string[];
  /** The only redirect URIs, to the letter. Default: every page on this machine, and those of `issuer` and `origins`. */
  redirectUris?: readonly string[];
  /** Origins, besides those on this machine (localhost and below, 127.0.0.0/8, [::1]), whose pages may call the provider and its API. */
  origins?: readonly string[];
  /** The audience of access tokens. Default: `apiUrl`. A request with `resource` gets a token for that. */
  audience?: string;
  /** Whether sign-ins get a refresh token. Default: `true`. */
  refreshTokens?: boolean;
  /** Default: 300. */
  accessTokenSeconds?: number;
  /** Default: one day. */
  refreshTokenSeconds?: number;
  /** How long the provider's own session lasts, for `prompt=none` and sign-ins without a choice. Default: one day. */
  sessionSeconds?: number;
  /** Members that replace those of the metadata; `undefined` removes one, such as `end_session_endpoint`. */
  metadata?: Record<string, unknown>;
  /**
   * How the provider's own session is kept. `cookie`: each browser has its own. `shared`: there is one, for places where no cookie arrives,
   * such as a service worker. Default: `shared`; in Node, `cookie`.
   */
  sessions?: 'cookie' | 'shared';
  /** The time, in milliseconds since 1970, for example that of a test with its own timers. Default: `Date.now`. */
  clock?: () => number;
}

/** A user: claims in their registered spelling. A claim that no standard scope releases is released with every scope. */
export interface TestUser {
  sub: string;
  name?: string;
  email?: string;
  preferred_username?: string;
  [claim: string]: unknown;
}

export type Endpoint =
  | 'discovery'
  | 'authorization'
  | 'token'
  | 'jwks'
  | 'userinfo'
  | 'revocation'
  | 'end_session'
  | 'device_authorization'
  | 'device'
  | 'api';

export interface TestProvider {
  readonly issuer: string;
  /** The address of an API that checks the tokens of this provider, see {@link TestProvider.api}: `issuer` with `/api/`. */
  readonly apiUrl: string;
  readonly users: readonly TestUser[];
  /** The options, with their defaults; a test may change lifetimes, `interactive` and `refreshTokens` at any time. */
  readonly settings: Required<
    Pick<
      TestProviderOptions,
      'interactive' | 'refreshTokens' | 'accessTokenSeconds' | 'refreshTokenSeconds' | 'sessionSeconds' | 'origins' | 'audience'
    >
  >;
  /** All requests so far, in order, without tokens, codes, verifiers, cookies and queries. */
  readonly requests: ProviderRequest[];

  /** Responds to a request. Does not use `this`. A failure without a response is `Response.error()`. */
  fetch(request: Request): Promise<Response>;

  /** Who signs in next if the request names no user. @throws ValetKeyError `config_error` for an unknown user; so do the others */
  signInNext(sub: string): void;
  /**
   * Makes everything older that exists: tokens, codes, sessions. What is issued later has the time stamps of the real clock, so no clock
   * has to be corrected. The app's client learns that its token is over from a refusal, as with a clock that differs; to let it expire
   * there, too, set `settings.accessTokenSeconds` before the sign-in.
   */
  advance(seconds: number): void;
  /**
   * Lets the next requests of an endpoint fail. Preflights do not fail and do not count.
   *
   * `fail('authorization', { error: 'access_denied' })` sends the browser back to the app with the error; every other failure is the
   * response itself. Several failures of one endpoint come one after the other.
   */
  fail(endpoint: Endpoint, failure: Failure): void;
  /** Delays each response of an endpoint until `recover()`. */
  delay(endpoint: Endpoint, milliseconds: number): void;
  /** Lets the requests of an endpoint wait until the returned function is called. */
  hold(endpoint: Endpoint): () => void;
  /** Ends all failures and delays. */
  recover(): void;
  /** Ends the provider's sessions of a user, and revokes the user's tokens. */
  endSession(sub: string): void;
  /** Revokes the tokens of a user or of all users, and keeps the provider's sessions. */
  revokeAll(sub?: string): void;
  /** Signs with another key from now on. @param options `keepOld`: whether the key set still has the earlier keys; default `true` */
  rotateKeys(options?: { keepOld?: boolean }): Promise<void>;
  /** What the user does on the other device (RFC 8628): signs in as this user, or with `null` declines. */
  finishDevice(userCode: string, sub: string | null): void;

  /**
   * Sets the handler of the API at `apiUrl`. It gets requests with a valid access token; the others get a 401 with a challenge
   * (RFC 6750 §3). Returns a function that does the same for an API at another address, such as one that a test mocks.
   */
  api(handler: ApiHandler): (request: Request) => Promise<Response>;
  /** An access token for tests of an API, without a sign-in. It is a JWT (RFC 9068). */
  accessToken(sub: string, options?: { scope?: string; clientId?: string }): Promise<string>;
  /** What a valid access token is for, or `null`. Does not use `this`. */
  introspect(token: string): AccessToken | null;
}

/** Responds to a request whose access token is valid. {@link insufficientScope} refuses one whose scope is too small. */
export type ApiHandler = (request: Request, token: AccessToken) => Response | Promise<Response>;

/** A 403 that asks for a scope (RFC 6750 §3.1). */
export function insufficientScope(scope: string): Response;

export interface AccessToken {
  readonly sub: string;
  readonly client_id: string;
  readonly scope: string;
  readonly aud: string;
  readonly iss: string;
  /** In seconds since 1970, as issued: `advance()` does not change them. */
  readonly exp: number;
  readonly iat: number;
}

export interface Failure {
  /** How many requests fail. Default: 1. `Infinity`: until `recover()`. */
  times?: number;
  /** No response, as without a network. */
  network?: boolean;
  /** The status of the response. Default: 400. */
  status?: number;
  /** The OAuth error (RFC 6749 §5.2). */
  error?: string;
  error_description?: string;
  /** Seconds, as the header `Retry-After`. */
  retryAfter?: number;
  /** Another body than the JSON with the error, such as the page of a proxy. */
  body?: string;
  headers?: Record<string, string>;
}

export interface ProviderRequest {
  readonly method: string;
  /** Below the issuer, without the query. */
  readonly path: string;
  /** `undefined` for an address at which there is nothing. */
  readonly endpoint: Endpoint | undefined;
  /** 0 until there is a response, and for a failure without one. */
  readonly status: number;
  readonly grantType?: string;
  readonly clientId?: string;
  readonly scope?: string;
  readonly prompt?: string;
}

/**
 * A client that is signed in, for tests of components: without a browser, a worker, WebAssembly and a provider. It has the interface of
 * {@link Client} and dispatches the same events.
 *
 * ```js
 * const client = signedIn({ sub: 'alice', name: 'Alice' }, { fetch: () => Response.json({ photos: [] }) });
 * render(<App client={client} />);
 * client.change('expired');                    // what does the app show now?
 * client.fail('network_error', { on: 'fetch' });
 * ```
 *
 * What differs from a real client: a sign-in by redirect, and a sign-out that would leave the page, only record the call and stay pending.
 * There is no token, no step-up and no trace event, and `publicKey()` and sockets fail.
 *
 * @param claims the claims of the ID Token; `sub` is `test-user` if it is left out
 */
export function signedIn(claims?: Record<string, unknown>, options?: TestClientOptions): TestClient;

/** The same client without a session. `signIn({ mode: 'popup' })` signs in the user of {@link TestClient.signInNext}. */
export function signedOut(options?: TestClientOptions): TestClient;

export interface TestClientOptions {
  /**
   * Responds to calls of `client.fetch`. For a call without a response, or without this option, the global `fetch` is called without a
   * token, so that Mock Service Worker sees it.
   */
  fetch?: (request: Request) => Response | undefined | Promise<Response | undefined>;
  /** As in `Options`; other calls reject with `request_blocked`. Default: every address. */
  api?: (string | ApiEntry)[];
  /** Default: `openid profile`. */
  scope?: string;
  /** Default: `https://id.example.com`. */
  issuer?: string;
  /** Claims that `userinfo()` returns in addition. */
  userinfo?: Record<string, unknown>;
  /** `false`: a call that gets a 401, and `refresh()`, end the session (`expired`). Default: `true`: they renew it. */
  refreshTokens?: boolean;
  /** Whether `signOut()` would leave for the provider, and so stays pending. Default: `true`. */
  endSession?: boolean;
  /** With `page`, `accessToken()` resolves. Default: `worker`. */
  tokens?: 'worker' | 'page';
  /** `false`: `session` is `null` until `start()` or another method is called, as on a page that has just loaded. Default: `true`. */
  started?: boolean;
}

export interface TestClient extends Client {
  /** All calls of the client's methods so far, in order. */
  readonly calls: TestCall[];
  /**
   * The next call rejects with this error, which has the `fault` and the `hint` of a real one. `session_ended` and `user_changed` end the
   * session before. Several failures come one after the other.
   */
  fail(code: ErrorCode, details?: RefusalDetails): void;
  /** Who signs in with the next `signIn`. */
  signInNext(claims: Record<string, unknown>): void;
  /** Changes the session as from outside, such as from another tab, and dispatches the event. @param claims of the new session */
  change(reason: ChangeReason, claims?: Record<string, unknown>): void;
  /** Finishes the sign-in on another device that has begun last. */
  finishDevice(): void;
}

export interface TestCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

export interface RefusalDetails extends Partial<Pick<ValetKeyError, 'oauth' | 'retryAfter' | 'returnTo' | 'message'>> {
  /** The method whose next call rejects. Default: any. */
  on?: 'start' | 'signIn' | 'fetch' | 'refresh' | 'userinfo' | 'signOut' | 'revoke' | 'preload' | 'accessToken' | 'publicKey' | 'openSocket';
}
