/**
 * Valet Key: OAuth 2 and OpenID Connect for pages without a backend of their own.
 *
 * ```js
 * import { createClient } from 'valet-key';
 *
 * const client = createClient({
 *   issuer: 'https://id.example.com',
 *   clientId: 'my-spa',
 *   scope: 'openid profile',
 *   api: ['https://api.example.com/v1/'],
 * });
 *
 * const session = await client.start();      // after every page load
 * if (!session) await client.signIn();       // goes to the provider and comes back to this page
 * const me = await client.fetch('https://api.example.com/v1/me');
 * ```
 */

/**
 * Makes a client. Synchronous, touches no global and opens nothing: safe to call while rendering on a server. The options
 * are copied at once.
 */
export function createClient(options: Options): Client;

export interface Options {
  /** The provider, spelled exactly as the provider spells it (RFC 8414 §2). Its metadata is found from it. */
  issuer?: string;
  /**
   * The provider's metadata, for providers that publish none or do not let pages read it. With `issuer` as well, the
   * two must agree. Without `issuer` this is plain OAuth 2: no `openid` scope, no ID Token.
   */
  server?: ServerMetadata;
  /** The identifier that the provider gave this app. Not a secret. */
  clientId: string;
  /**
   * A label of the app's own for one of several accounts at the provider. Clients with different labels have a session each.
   * Two clients of one page with the same provider and `clientId` need different labels. A sign-out ends the sessions of the
   * same user under all labels. Default: empty.
   */
  account?: string;
  /**
   * Where the provider sends the user back: a page of this origin, relative to the page. Default: this page without query and
   * fragment. A response counts only at the page that its request named, path and query included. Clients of several
   * providers need a redirect page each, unless all of the providers name themselves in their responses (RFC 9207).
   */
  redirectUri?: string;
  /** Where the provider sends the user after sign-out: a page of this origin, relative to the page. Default: `redirectUri`. */
  postLogoutRedirectUri?: string;
  /** What to ask for, separated by spaces (RFC 6749 §3.3). Default: `openid`, or nothing for plain OAuth 2. */
  scope?: string;
  /**
   * The only URLs that may ever receive the access token: exact origin, path prefix that ends at a slash. Relative
   * entries are relative to the page. No wildcards. Two clients may list the same API: each call goes with the token of the
   * client that it was made on. A client with another list is another client, with a session of its own.
   */
  api?: (string | ApiEntry)[];
  /** `false` for plain OAuth 2 at an `issuer`: no `openid` scope, no ID Token. Default: `true` where there is an `issuer`. */
  openid?: boolean;
  /**
   * What `start()` may take up. `silent`: a session that is still alive in the vault; where its tokens are gone, as after a
   * restart or a release that changed `api`, one that the provider brings back without a question (`prompt=none`), in a
   * hidden frame if the provider is of the page's own site, else by one redirect. That needs OpenID Connect, and a provider
   * that answers. One that declines, or does not send the user back, is not asked again in this browser before the next
   * sign-in. `vault`: only what is alive. `none`: what other tabs keep alive; a reload of the only tab ends the session.
   * Default: `silent`.
   */
  restore?: 'silent' | 'vault' | 'none';
  /**
   * Where tokens live. `worker`: out of reach of the page's scripts, in a worker that all tabs share where there is one.
   * `page`: in reach of every script in the page, for what cannot go through `fetch`; adds `accessToken()`. Default: `worker`.
   */
  tokens?: 'worker' | 'page';
  /**
   * The form of the provider's UserInfo response, as registered there (`userinfo_signed_response_alg`). The other form
   * is refused. Default: `json`.
   */
  userinfo?: 'json' | 'signed';
  /**
   * Sends the ID Token of the session that has ended along at sign-out (RP-Initiated Logout §2, `id_token_hint`). Without it,
   * some providers ask the user, and some do not send the user back. It passes through the page in the address of the
   * provider, where a script of the page can read it, and shows in the provider's logs; the tokens for the API do not. With
   * `false`, none of that. Default: `true`.
   */
  idTokenHint?: boolean;
  /**
   * Allows `http` for `localhost` and names below it, 127.0.0.0/8 and `[::1]`, as issuer, endpoints and API. For development.
   */
  allowLoopbackHttp?: boolean;
  /** Milliseconds after which a request to the provider counts as failed. Default: 10000. */
  timeout?: number;
  /** Where the worker's file is, if not beside this module. Must be of the page's own origin. */
  workerUrl?: string | URL;
  /** Where the WebAssembly file is, if not beside the worker's file. */
  wasmUrl?: string | URL;
}

/** An API, when there is more to say than its URL. */
export interface ApiEntry {
  url: string;
  /**
   * Whether calls that wait for a sign-in ask this API ahead of the token: one `HEAD` with a worthless one, which the
   * API refuses, so that the browser's CORS preflight is over when the token comes. Saves a round trip. Default: `false`.
   */
  warm?: boolean;
}

/** Members of RFC 8414 §2 and OpenID Connect Discovery §3 that the client reads, in their registered spelling. */
export interface ServerMetadata {
  authorization_endpoint: string;
  token_endpoint: string;
  /** Needed for OpenID Connect. */
  jwks_uri?: string;
  userinfo_endpoint?: string;
  revocation_endpoint?: string;
  end_session_endpoint?: string;
  authorization_response_iss_parameter_supported?: boolean;
  [member: string]: unknown;
}

/** Who is signed in. Frozen, and never holds a token. */
export interface Session {
  /** The user, unique at this issuer. Empty for plain OAuth 2, which does not say who the user is. */
  readonly sub: string;
  /** What the provider says of the user: the claims of the ID Token. Empty for plain OAuth 2. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** What was granted, which may be less than was asked for. */
  readonly scope: string;
  /** When the access token expires, in milliseconds since 1970 by this device's clock; `null` if the provider did not say. */
  readonly expiresAt: number | null;
  /** When the user last proved who they are, in seconds since 1970; `null` if the provider did not say. */
  readonly authTime: number | null;
  /** The provider; empty where only `server` was given. */
  readonly issuer: string;
}

export interface SignInOptions {
  /**
   * How to get there. `redirect`: the whole page leaves. `popup`: a window of its own, to be opened first thing in a
   * click; the page stays, and even the code verifier never leaves the vault. `silent`: a hidden frame, without a
   * question (`prompt=none`), where the provider is of the page's own site. Default: `redirect`.
   */
  mode?: 'redirect' | 'popup' | 'silent';
  /** With `popup`: size and place, as `window.open` takes them. Default: `popup,width=500,height=700`. */
  features?: string;
  /** With `redirect`: where to be afterwards, a path of this origin with query and fragment. Default: the current one. */
  returnTo?: string;
  /**
   * What the provider may show (OpenID Connect Core §3.1.2.1). `login` asks for a new sign-in: where the provider says when it
   * was, it is checked. To insist on a proof, ask for `maxAge: 0` as well.
   */
  prompt?: Prompt | Prompt[];
  /** Who is expected: a name to fill in. */
  loginHint?: string;
  /** Seconds since the user last proved who they are, at most. Checked: the provider has to say when that was. */
  maxAge?: number;
  /** Authentication contexts, the best first. Checked: the ID Token must name one of them. */
  acrValues?: string | string[];
  /** Languages, the best first (BCP 47). */
  uiLocales?: string | string[];
  /** Languages for the claims, the best first (BCP 47). */
  claimsLocales?: string | string[];
  /** How the provider should show itself. */
  display?: 'page' | 'popup' | 'touch' | 'wap';
  /** Which claims to ask for (OpenID Connect Core §5.5), in their registered spelling. */
  claims?: { userinfo?: Record<string, unknown>; id_token?: Record<string, unknown> };
  /**
   * Further parameters of the authorization request, in their registered spelling. What the client sets itself cannot
   * be overridden.
   */
  params?: Record<string, string>;
}

export type Prompt = 'none' | 'login' | 'consent' | 'select_account' | 'create';

/** Why a `change` event happened. */
export type ChangeReason =
  | 'signed_in'
  /** By the app, here or in another tab. */
  | 'signed_out'
  | 'renewed'
  /** Another user has signed in. After a silent sign-in of another user, nobody is signed in. */
  | 'user_changed'
  /** The provider has ended the session. */
  | 'ended'
  /** The access token is over or was refused, and the provider gave no refresh token. */
  | 'expired'
  /** The vault failed and started anew. */
  | 'restarted';

export interface ChangeEvent extends Event {
  readonly session: Session | null;
  readonly reason: ChangeReason;
  /** Only after the way back from signing out at the provider: whether the provider sent the user, by `state`. */
  readonly confirmed?: boolean;
}

/** A step of the client, for logs and tests. Never holds a secret. */
export type TraceEvent = Event &
  (
    | { readonly step: 'vault'; readonly home: 'shared' | 'dedicated' | 'page' }
    | { readonly step: 'callback'; readonly outcome: 'completed' | 'ignored' | 'declined'; readonly reason?: string }
    | { readonly step: 'restore'; readonly outcome: 'declined'; readonly reason: string }
  );

export interface Client {
  /** The last known session. */
  readonly session: Session | null;

  /**
   * Finishes a pending sign-in if the page was loaded by the provider's redirect, or takes up the live session. The response
   * is taken out of the address first. Call it once after each page load; a second call gives the same session.
   *
   * Where a sign-in fails, an earlier session lives on, and the error's `returnTo` says where the page belongs. A page that is
   * loaded ahead (`document.prerendering`) waits until it is shown.
   *
   * @returns the session, or `null` when signed out; then the provider's metadata are fetched already, for a click.
   */
  start(): Promise<Session | null>;

  /** Leaves the page for the provider. The promise is pending until the page is gone, and rejects if it cannot go. */
  signIn(options?: SignInOptions & { mode?: 'redirect' }): Promise<never>;
  /**
   * Signs in in another window. A session that was there before stays if that fails, but for `user_changed`: a silent sign-in
   * of another user than the session's ends that session. A silent sign-in names the user of the session to the provider.
   */
  signIn(options: SignInOptions & { mode: 'popup' | 'silent' }): Promise<Session>;

  /**
   * `fetch` with the access token, for URLs on the `api` list. Arguments and response are those of `fetch`.
   * Redirects are not followed, whatever `redirect` says; `manual` is refused. It needs no `this`, so that other libraries can
   * take it as their `fetch`.
   *
   * If the API refuses the token, the request is sent once more with a new one. A stream is sent only once: as it comes
   * in Chromium (over HTTP/2 or later, as with `fetch`), read first elsewhere.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

  /** Gets a new access token now. Rarely needed: `fetch` does so by itself. */
  refresh(): Promise<Session>;

  /**
   * Asks the provider about the user (OpenID Connect Core §5.3). The claims come as they are, checked only for whom they
   * are of: `sub` must be that of the session. Without an ID Token in the session, name the expected user yourself.
   */
  userinfo(options?: { sub?: string }): Promise<{ sub: string } & Record<string, unknown>>;

  /**
   * Forgets the session, revokes its tokens (RFC 7009) and, where the provider offers it, leaves the page to end the
   * provider's own session (RP-Initiated Logout). The user is signed out here whatever the provider does. Where the
   * promise resolves, the page stays: the provider offers no more, or `everywhere` is `false`. Where the page leaves, the
   * promise stays pending.
   *
   * After the way back, `start()` tells it by a `change` event whose `confirmed` says whether the provider sent the user.
   */
  signOut(options?: { everywhere?: boolean }): Promise<void>;

  /**
   * For the page that the provider loads in a hidden frame when the user signs out elsewhere (Front-Channel Logout), the
   * client's `frontchannel_logout_uri`: ends the sessions that the page's `iss` and `sid` name. Gives whether there was
   * one; browsers that keep storage of frames apart show none to a provider of another site.
   */
  frontChannelLogout(): Promise<boolean>;

  /** Starts the worker before it is needed. */
  preload(): Promise<void>;

  /** Only with `tokens: 'page'`: a valid access token, renewed if need be. */
  accessToken(): Promise<string>;

  addEventListener(type: 'change', listener: (event: ChangeEvent) => void, options?: AddEventListenerOptions): void;
  addEventListener(type: 'trace', listener: (event: TraceEvent) => void, options?: AddEventListenerOptions): void;
  removeEventListener(type: 'change', listener: (event: ChangeEvent) => void): void;
  removeEventListener(type: 'trace', listener: (event: TraceEvent) => void): void;
}

/** Everything that this package throws. */
export class ValetKeyError extends Error {
  readonly name: 'ValetKeyError';
  /** What happened. Stable. */
  readonly code: ErrorCode;
  /** Whose turn it is. */
  readonly fault: Fault;
  /** What to do about it. */
  readonly hint: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Seconds to wait before trying again, if the server said so. */
  readonly retryAfter?: number;
  /** Where the page belongs after a sign-in that failed: path, query and fragment at which it began. */
  readonly returnTo?: string;
  /**
   * What the server said, at most 1,000 characters of each text. Texts of others: never write them into a page as markup. A
   * text that held a secret of the exchange, such as the code, is left out: a member is missing then, `error` is empty, and
   * `message` says so.
   */
  readonly oauth?: { readonly error: string; readonly error_description?: string; readonly error_uri?: string };
}

export type Fault = 'app' | 'server' | 'user' | 'browser' | 'library';

export type ErrorCode =
  /**
   * The server refused the authorization request; `oauth` says why (RFC 6749 §4.1.2.1). Without `returnTo`, its response had
   * no `state`, and may be of another request.
   */
  | 'authorization_error'
  /** The call was aborted, or overtaken by a sign-out or another sign-in. */
  | 'cancelled'
  /** An option is wrong, or the environment lacks something. */
  | 'config_error'
  /** The provider's metadata could not be had. */
  | 'discovery_failed'
  /** A parameter came twice in the authorization response (RFC 6749 §3.1). */
  | 'duplicate_parameter'
  /** The ID Token was refused (OpenID Connect Core §3.1.3.7). */
  | 'id_token_invalid'
  /** The authorization response is from another server than the one asked (RFC 9207 §2.4). */
  | 'iss_mismatch'
  /** The metadata belong to another issuer than the one configured (RFC 8414 §3.3). */
  | 'issuer_mismatch'
  /** The user has to sign in; `oauth` says why if a provider that was to ask no question declined. */
  | 'login_required'
  /** The metadata are malformed or lack something. */
  | 'metadata_invalid'
  /** No response: offline, CORS, TLS, or a redirect that was not followed. */
  | 'network_error'
  /** The response is not JSON. */
  | 'not_json'
  /** The browser did not open the popup: `signIn` must be called in a click, before anything is awaited. */
  | 'popup_blocked'
  /**
   * The user closed the popup, as far as a page can know: one that the provider cuts off from the page looks closed, too, so
   * the page must have got the focus back then, or have it for ten seconds.
   */
  | 'popup_closed'
  /** The user did not sign in in the popup within ten minutes. */
  | 'popup_timeout'
  /** `signIn()` was called too often without a click of the user; `cause` is why the last one failed, if it did. */
  | 'redirect_loop'
  /** The call is not for an address on the `api` list, or sets what only the client may set. */
  | 'request_blocked'
  /** The response has the wrong shape. */
  | 'response_invalid'
  /** The server responded with 429 or 5xx. */
  | 'server_unavailable'
  /** The session is over: the refresh token is no longer accepted. */
  | 'session_ended'
  /**
   * The authorization response is not the one that this page waits for, or comes after an hour (RFC 6749 §10.12). Where no
   * sign-in is pending at all, such a response is taken out of the address and ignored. An address whose `state` is not of
   * this library belongs to another flow of the app, and is left alone.
   */
  | 'state_mismatch'
  /** The server did not respond in time. */
  | 'timeout'
  /** The server refused the token request, or UserInfo the token; `oauth` says why (RFC 6749 §5.2, RFC 6750 §3.1). */
  | 'token_error'
  /** The response is larger than any honest one. */
  | 'too_large'
  /** A fault of this library, contained. */
  | 'unexpected'
  /** The server wants something that this client does not do. */
  | 'unsupported'
  /** An endpoint is not an acceptable URL. */
  | 'url_rejected'
  /** A silent sign-in found another user at the provider than the session's, which is over. */
  | 'user_changed'
  /** UserInfo is of another user, or not in the agreed form (OpenID Connect Core §5.3). */
  | 'userinfo_invalid';
