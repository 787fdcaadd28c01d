/**
 * The public API of Valet Key, an OAuth 2 and OpenID Connect client for pages that have no backend.
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
 * Creates a client. The function is synchronous, touches no global and opens nothing, so it is safe to call while rendering
 * on a server. It copies the options immediately.
 */
export function createClient<Claims extends object = StandardClaims>(options: Options | GuardedOptions): Client<Claims>;

/**
 * Creates a client for one API, which may be one that the app has never heard of, such as an MCP server. The access token is requested
 * for this API (`resource`, RFC 8707), and goes to this API and to the server's own endpoints only.
 *
 * Calls are sent without a token until a user is signed in: the API may need none. If the API refuses one with a 401, the call rejects
 * with `login_required`, or makes a sign-in, see `signIn`. The API names its authorization server (RFC 9728), and that server registers
 * the app (RFC 7591). The registration is for this API alone, and the client never asks for a silent sign-in. With `issuer` and `clientId`, the app
 * itself names the server, and the client asks the API for nothing: see `docs/connections.md`.
 *
 * @param resource the address of the API: an origin with a path. Spell it alike on all pages.
 */
export function connect(resource: string | URL, options?: ConnectOptions): Client;

/**
 * The options of a connection. Each has the meaning that it has in {@link Options}. If the API names its server, `restore: 'silent'` has no
 * effect, and `clientId` can only be the address of a client ID metadata document.
 */
export interface ConnectOptions
  extends Pick<
    Options,
    | 'issuer'
    | 'server'
    | 'clientId'
    | 'registration'
    | 'account'
    | 'postLogoutRedirectUri'
    | 'openid'
    | 'restore'
    | 'tokens'
    | 'userinfo'
    | 'idTokenHint'
    | 'allowLoopbackHttp'
    | 'tokenEndpointAuthMethod'
    | 'dpop'
    | 'dpopAlgorithm'
    | 'stepUp'
    | 'timeout'
    | 'workerUrl'
    | 'wasmUrl'
  > {
  /**
   * The page to which the server sends the user back. Default: the current page. If the API names the server, the client adds a parameter
   * that no other client has, and removes it from the address when the user is back. Set it in an app with several pages or routes.
   */
  redirectUri?: string;
  /**
   * Leaves out that parameter, for a server that drops the query of a redirect URI. `redirectUri` must then be a page that no other
   * client uses. Default: `false`.
   */
  exactRedirectUri?: boolean;
  /** The scope to request. Default: the scope that the API asks for. */
  scope?: string;
  /**
   * How a call that the API refuses makes a sign-in, after which the call is sent again. `popup`: in a window, so the call has to be
   * made in a click. `redirect`: the page leaves, and the promise stays pending; it rejects if the page comes back from the back/forward cache, or has not
   * left after twenty seconds. Calls share the sign-in. A call whose body is a stream
   * makes none. Default: none, the call rejects.
   */
  signIn?: 'popup' | 'redirect';
}

export interface Options {
  /**
   * The provider's issuer identifier, spelled exactly as the provider spells it (RFC 8414 §2). The client derives the address
   * of the provider's metadata from it.
   */
  issuer?: string;
  /**
   * The provider's metadata, for providers that publish no metadata or do not let pages read it. If `issuer` is set as well,
   * `server.issuer` must be equal to it. Without `issuer`, the client uses plain OAuth 2: no `openid` scope, no ID Token.
   */
  server?: ServerMetadata;
  /**
   * The client identifier that the provider gave this app. Not a secret. Without it, the first sign-in registers the app at the provider
   * (RFC 7591) if the provider offers that, and the browser remembers the ID: see `docs/registration.md`.
   */
  clientId?: string;
  /**
   * What the provider should know of an app without a `clientId`: client metadata in their registered spelling (RFC 7591 §2). Default:
   * `client_name` is the host of the page, and `scope` is the option of that name.
   */
  registration?: ClientMetadata;
  /**
   * A label that the app chooses for one of several accounts at the provider. Clients with different labels have separate
   * sessions. Two clients of one page with the same provider and `clientId` need different labels. A sign-out ends the
   * sessions of the same user under all labels. Default: empty.
   */
  account?: string;
  /**
   * The page to which the provider sends the user back: a URL of this origin, relative to the current page. Default: the
   * current page without query and fragment. The client accepts an authorization response only at the page that its request
   * named, path and query included. Clients of several providers need a separate redirect page each, unless all of the
   * providers send `iss` in their responses (RFC 9207).
   */
  redirectUri?: string;
  /**
   * The page to which the provider sends the user after a sign-out: a URL of this origin, relative to the current page.
   * Default: `redirectUri`; with a guard, the current page.
   */
  postLogoutRedirectUri?: string;
  /** The scope to request, separated by spaces (RFC 6749 §3.3). Default: `openid`, or nothing for plain OAuth 2. */
  scope?: string;
  /**
   * The only URLs, besides the provider's own endpoints, that may ever receive an access token. Each entry is an exact
   * origin with a path prefix that ends at a slash. Relative entries are relative to the current page. Wildcards are not
   * supported. An entry with a `resource` or a `scope` gets an access token of its own: see `ApiEntry`. Two clients may list the
   * same API: each call carries the token of the client on which it was made. A client with another list is a different client,
   * with a separate session.
   */
  api?: (string | ApiEntry)[];
  /** `false` for plain OAuth 2 with an `issuer`: no `openid` scope, no ID Token. Default: `true` if `issuer` is set. */
  openid?: boolean;
  /**
   * Which session `start()` may restore. Default: `silent`.
   *
   * - `silent`: a session that is still alive in the vault, which is the place where tokens are kept, see `tokens`. If the
   *   tokens are gone, for example after a restart of the browser or a release that changed `api`, the client requests a new
   *   session from the provider without user interaction (`prompt=none`): in a hidden frame if the provider is same-site with
   *   the page, otherwise by one redirect. This needs OpenID Connect and a provider that responds. If the provider
   *   declines, or does not send the user back, the client does not try again in this browser before the next sign-in.
   * - `vault`: only a session that is still alive in the vault.
   * - `none`: only a session that another tab keeps alive. A reload of the only tab ends the session.
   */
  restore?: 'silent' | 'vault' | 'none';
  /**
   * How long a session lasts. `memory`: until the browser is closed, and then for as long as the provider's own session, see `restore`.
   * `device`: also after the browser was closed. The client then stores the refresh token, bound to a key that cannot be exported, in
   * IndexedDB, where scripts of the origin can use it while a page is open: `docs/keep.md` says what this means. It needs a provider that
   * binds refresh tokens to a key (`dpop`), and a browser that can store such a key. Default: `memory`.
   */
  keep?: 'memory' | 'device';
  /**
   * Where tokens are kept. `worker`: in a worker, out of reach of the page's scripts; all tabs share it if the browser has
   * shared workers. `page`: in the page, in reach of every script in it, for requests that cannot go through `fetch`; this
   * makes `accessToken()` available. Default: `worker`.
   */
  tokens?: 'worker' | 'page';
  /**
   * The form of the provider's UserInfo response, as registered at the provider (`userinfo_signed_response_alg`). The client
   * refuses a response of the other form. Default: `json`.
   */
  userinfo?: 'json' | 'signed';
  /**
   * Whether a sign-out sends the ID Token of the ended session to the provider (RP-Initiated Logout §2, `id_token_hint`).
   * Without it, some providers ask the user to confirm, and some do not send the user back. The ID Token is part of the URL
   * to which the page navigates, so a script of the page can read it, and it appears in the provider's logs. The tokens for
   * the API do not. With `false`, the ID Token does not appear in these places either. Default: `true`.
   */
  idTokenHint?: boolean;
  /**
   * Allows `http` for `localhost` and its subdomains, 127.0.0.0/8 and `[::1]`, in the URLs of issuer, endpoints and APIs. For
   * development.
   */
  allowLoopbackHttp?: boolean;
  /**
   * How the client authenticates at the provider (RFC 7591 §2). `none`: a public client, which is what providers call a single-page
   * app. `private_key_jwt`: with a key that this browser keeps, see `publicKey()` and `docs/machines.md`. Default: `none`.
   */
  tokenEndpointAuthMethod?: 'none' | 'private_key_jwt';
  /**
   * How a call makes the sign-in for which an API asks (see {@link ApiResponse.stepUp}). `popup`: in a window, after which the call is
   * sent once more. Make the call in a click. `redirect`: the page leaves, and the app calls again when it is back. If the API asks
   * again, if the sign-in fails, or if the page stays for twenty seconds, the API's response is the result. A call whose body is a
   * stream makes no sign-in. Default: none.
   */
  stepUp?: 'popup' | 'redirect';
  /**
   * Whether tokens are bound to a private key that cannot be exported (DPoP, RFC 9449), so that a stolen token is of no use. `auto`: if
   * the provider's metadata have `dpop_signing_alg_values_supported`; with `tokens: 'page'`, never. `required`: always; the client then
   * refuses other tokens with `dpop_error`. `off`: never. The API must accept the scheme `DPoP`. A client with another value has a
   * separate session. See `docs/bound-tokens.md`. Default: `auto`.
   */
  dpop?: 'auto' | 'required' | 'off';
  /**
   * The algorithm of that key: `Ed25519` (RFC 9864) or `ES256` (RFC 7518 §3.4). If the provider does not list it, or the browser makes no
   * such keys, the other one is used. Default: `ES256`.
   */
  dpopAlgorithm?: 'ES256' | 'Ed25519';
  /** Milliseconds after which a request to the provider counts as failed. Default: 10000. */
  timeout?: number;
  /**
   * The URL of the worker's file, relative to the current page. Must be of the page's own origin. Default: the file
   * `wasm/worker.js` of this package.
   */
  workerUrl?: string | URL;
  /**
   * The URL of the WebAssembly file. Default: `valet_key.wasm` next to `workerUrl`, or the file of this package if `workerUrl`
   * is not set.
   */
  wasmUrl?: string | URL;
  /**
   * The folder of the site with the files of the package's folder `guard` and with `options.json`, such as `/valet-key/`. A service
   * worker in this folder then makes each sign-in, so that no script of a page meets a code or a verifier. The page's options may
   * repeat what `options.json` says, and ask for a part of its `scope`. The redirect page is `callback.html` of the folder. Pages
   * of one app spell the folder alike. `docs/guard.md` shows how to set it up.
   */
  guard?: string;
}

/** The options of a client with a guard: `options.json` has those that are left out. */
export type GuardedOptions = Partial<Options> & { guard: string };

/**
 * Client metadata in their registered spelling (RFC 7591 §2, OpenID Connect Dynamic Client Registration §2). The client itself sets
 * `redirect_uris`, `grant_types`, `response_types` and `token_endpoint_auth_method`.
 */
export interface ClientMetadata {
  /** The name that the provider shows to the user. */
  client_name?: string;
  application_type?: 'web' | 'native';
  client_uri?: string;
  logo_uri?: string;
  policy_uri?: string;
  tos_uri?: string;
  contacts?: string[];
  scope?: string;
  post_logout_redirect_uris?: string[];
  [member: string]: unknown;
}

/** A response of an API. */
export interface ApiResponse extends Response {
  /**
   * What the API asks another sign-in for, in the spelling of {@link SignInOptions}, so that `client.signIn({ mode: 'popup',
   * ...response.stepUp })` makes it: `scope` after `insufficient_scope` (RFC 6750 §3.1), `acrValues` and `maxAge` after
   * `insufficient_user_authentication` (RFC 9470). Absent if the API asks for nothing, or hides `WWW-Authenticate` from pages.
   */
  readonly stepUp?: StepUp;
  /** With the option `stepUp`: why that sign-in failed, for example with `popup_blocked`. */
  readonly stepUpError?: ValetKeyError;
  clone(): ApiResponse;
}

/** What an API asks a sign-in for. An API can ask for anything. */
export interface StepUp {
  readonly scope?: string;
  readonly acrValues?: string;
  readonly maxAge?: number;
}

/** An API with further settings. */
export interface ApiEntry {
  url: string;
  /**
   * Whether a call that waits for a sign-in sends this API a `HEAD` request with an invalid token in the meantime. The API
   * refuses it, but the browser has then finished the CORS preflight when the access token arrives. This saves a round trip.
   * Default: `false`.
   */
  warm?: boolean;
  /**
   * The identifier of the API at the provider, an absolute URI (RFC 8707, resource indicator). The API gets an access token that is for
   * this resource alone; entries with the same resource share it. If the first entry of `api` names a resource, the sign-in gets the token
   * for it. Every other token is requested with the refresh token before the first call that needs it; without a refresh token, such calls
   * fail with `unsupported`.
   */
  resource?: string;
  /**
   * The scope that each sign-in requests for this API in addition to the option `scope`, separated by spaces. An entry with a scope and
   * without a `resource` gets an access token of its own, too, which is requested with this scope alone, for providers that tell APIs
   * apart by the scope. Entries with the same scope share it.
   */
  scope?: string;
  /** How a `WebSocket` of `valet-key/streams` carries the access token to this API. Without it, the client opens none there. */
  socket?: SocketToken;
}

/**
 * How a socket carries the access token, since a browser sends no header of an app with it: in a subprotocol (RFC 6455 §11.3.4), or in the
 * first message. `{token}` stands for the token, exactly once. Only the options of a client say this, and no call: a script that chose
 * the first message could send the token to another user of the API.
 */
export type SocketToken =
  | {
      /** Such as `bearer.{token}`. The worker asks for it after the subprotocols of the app. */
      protocol: string;
      message?: undefined;
    }
  | {
      /** Such as `{"type":"auth","token":"{token}"}`. The worker sends it when the socket is open. */
      message: string;
      protocol?: undefined;
    };

/** The metadata members of RFC 8414 §2 and OpenID Connect Discovery §3 that the client reads, in their registered spelling. */
export interface ServerMetadata {
  authorization_endpoint: string;
  token_endpoint: string;
  /** Required for OpenID Connect. */
  jwks_uri?: string;
  userinfo_endpoint?: string;
  revocation_endpoint?: string;
  device_authorization_endpoint?: string;
  registration_endpoint?: string;
  end_session_endpoint?: string;
  /** With this endpoint, the client pushes its authorization requests (RFC 9126 §5). */
  pushed_authorization_request_endpoint?: string;
  /** If `true`, the metadata must name that endpoint; otherwise the client refuses them with `metadata_invalid` (RFC 9126 §5). */
  require_pushed_authorization_requests?: boolean;
  /** If it lists `ES256`, `Ed25519` or `EdDSA`, tokens are bound to a key (RFC 9449 §5.1); otherwise, `dpop: 'off'` is needed. */
  dpop_signing_alg_values_supported?: string[];
  authorization_response_iss_parameter_supported?: boolean;
  [member: string]: unknown;
}

/** A session: who is signed in, and with which scope. The object is frozen and never contains a token. */
export interface Session<Claims extends object = StandardClaims> {
  /**
   * The user's identifier, unique at this issuer. Empty for plain OAuth 2, which does not identify the user, and if there is no user
   * (`mode: 'machine'`).
   */
  readonly sub: string;
  /** The claims of the ID Token, which describe the user. Empty for plain OAuth 2. The provider decides which there are. */
  readonly claims: Readonly<Claims>;
  /** The scope of the access token that the sign-in got, which may be less than the requested scope. */
  readonly scope: string;
  /** When this access token expires, in milliseconds since 1970 by this device's clock; `null` if the provider did not say. */
  readonly expiresAt: number | null;
  /** When the user last authenticated, in seconds since 1970; `null` if the provider did not say. */
  readonly authTime: number | null;
  /**
   * What the user has granted of `authorizationDetails`, for the access token that the sign-in got; absent if the provider did not say.
   * It may be less, or more specific, than what was requested (RFC 9396 §7).
   */
  readonly authorizationDetails?: readonly AuthorizationDetail[];
  /** The issuer identifier of the provider; empty if the options name no issuer, neither as `issuer` nor in `server`. */
  readonly issuer: string;
}

/**
 * The claims about a user that OpenID Connect Core §5.1 defines, and any others. The client checks those that the protocol needs; the types of
 * these depend on the provider. An app with claims of its own names them: `createClient<{ roles: string[] }>(options)`.
 */
export interface StandardClaims {
  name?: string;
  given_name?: string;
  family_name?: string;
  middle_name?: string;
  nickname?: string;
  preferred_username?: string;
  /** The URL of a page about the user. */
  profile?: string;
  /** The URL of a picture of the user. */
  picture?: string;
  website?: string;
  email?: string;
  email_verified?: boolean;
  gender?: string;
  /** `YYYY-MM-DD`, with the year `0000` if the user leaves it out, or only the year. */
  birthdate?: string;
  /** Such as `Europe/Paris`. */
  zoneinfo?: string;
  /** BCP 47, such as `en-US`. */
  locale?: string;
  phone_number?: string;
  phone_number_verified?: boolean;
  address?: {
    formatted?: string;
    street_address?: string;
    locality?: string;
    region?: string;
    postal_code?: string;
    country?: string;
  };
  /** When the user's data last changed, in seconds since 1970. */
  updated_at?: number;
  [claim: string]: unknown;
}

/** One permission of a rich authorization request (RFC 9396 §2). The type decides which other members there are. */
export interface AuthorizationDetail {
  /** Which kind of permission it is, as the provider or the API defines it. */
  type: string;
  /** The APIs that it is for, as URIs. */
  locations?: string[];
  /** What may be done. */
  actions?: string[];
  /** The kinds of data that it is about. */
  datatypes?: string[];
  /** The resource that it is about. */
  identifier?: string;
  /** The roles that it gives. */
  privileges?: string[];
  [member: string]: unknown;
}

export interface SignInOptions {
  /**
   * How the user gets to the provider. `redirect`: the whole page navigates there. `popup`: a separate window; call `signIn`
   * in the click handler, before anything is awaited. The page stays, and not even the code verifier leaves the vault.
   * `silent`: a hidden frame, without user interaction (`prompt=none`), for a provider that is same-site with the page.
   * `device`: the user signs in on another device. `machine`: there is no user, and the client itself signs in.
   * Default: `redirect`.
   */
  mode?: 'redirect' | 'popup' | 'silent' | 'device' | 'machine';
  /** With `popup`: size and position, in the format of `window.open`. Default: `popup,width=500,height=700`. */
  features?: string;
  /**
   * With `redirect`: where the user is to be after the sign-in, as a path of this origin with query and fragment. Default: the
   * current page.
   */
  returnTo?: string;
  /**
   * Scope to ask for in addition to the option `scope`, separated by spaces, such as that of a feature that the user opens now. What the
   * user grants is asked for in later sign-ins, too, until a sign-out. If the user declines, the session stays as it is. Use it for the user
   * who is signed in: `session.scope` says what was granted.
   */
  scope?: string;
  /**
   * What the provider may show (OpenID Connect Core §3.1.2.1). `login` requests a new authentication: the client checks its
   * time if the provider sends `auth_time`. To require `auth_time`, also set `maxAge: 0`.
   */
  prompt?: Prompt | Prompt[];
  /** A hint about the user who is expected, such as an e-mail address that the provider fills in. */
  loginHint?: string;
  /** The maximum number of seconds since the user last authenticated. Checked: the ID Token must contain `auth_time`. */
  maxAge?: number;
  /** Authentication context classes, in order of preference. Checked: the ID Token must name one of them. */
  acrValues?: string | string[];
  /** Languages for the provider's pages, in order of preference (BCP 47). */
  uiLocales?: string | string[];
  /** Languages for the claims, in order of preference (BCP 47). */
  claimsLocales?: string | string[];
  /** How the provider should display its pages. */
  display?: 'page' | 'popup' | 'touch' | 'wap';
  /**
   * Permissions that a scope cannot express, such as one payment (rich authorization request, RFC 9396).
   * `session.authorizationDetails` says what was granted.
   */
  authorizationDetails?: AuthorizationDetail[];
  /** The claims to request (OpenID Connect Core §5.5), in their registered spelling. */
  claims?: { userinfo?: Record<string, unknown>; id_token?: Record<string, unknown> };
  /**
   * Further parameters of the authorization request, in their registered spelling. Parameters that the client sets itself
   * cannot be overridden.
   */
  params?: Record<string, string>;
}

/** A sign-in on another device, for the page to show. */
export interface DeviceSignIn<Claims extends object = StandardClaims> {
  /** The code that the user enters on the other device. */
  readonly userCode: string;
  /** Where to enter it: show it as text. */
  readonly verificationUri: string;
  /** The same page with the code filled in, for a QR code; not every provider sends it. */
  readonly verificationUriComplete?: string;
  /**
   * A QR code of the page with the code filled in, or of `verificationUri`, as an SVG document. The part of the package that makes it
   * is loaded for the first code.
   */
  readonly qrCode: () => Promise<string>;
  /** When the codes expire, in milliseconds since 1970 by this device's clock at the time of the call. For a countdown only. */
  readonly expiresAt: number;
  /**
   * Resolves when the user has signed in. Rejects with `token_error` if the user declines (`oauth.error` is `access_denied`) or the
   * codes expire (`expired_token`), with `cancelled` after a sign-out, and with the reason of `signal`.
   */
  readonly session: Promise<Session<Claims>>;
}

/** A public key on P-256 for ES256, as a JWK (RFC 7517 §4). */
export interface PublicKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly use: 'sig';
  readonly alg: 'ES256';
  /** The thumbprint of the key (RFC 7638). */
  readonly kid: string;
}

export type Prompt = 'none' | 'login' | 'consent' | 'select_account' | 'create';

/** Why a `change` event happened. */
export type ChangeReason =
  | 'signed_in'
  /** The provider signed the user in without user interaction: the client restored the session, or the app asked silently. */
  | 'restored'
  /** The app signed the user out, in this tab or in another one. */
  | 'signed_out'
  | 'renewed'
  /** Another user signed in. If this happened in a silent sign-in, no user is signed in now. */
  | 'user_changed'
  /** The provider ended the session. */
  | 'ended'
  /** The access token expired or was refused, and there is no refresh token. */
  | 'expired'
  /** The worker failed or is gone, and calls under way have failed. `session` says whether the next worker has the session. */
  | 'restarted';

export interface ChangeEvent<Claims extends object = StandardClaims> extends Event {
  readonly session: Session<Claims> | null;
  readonly reason: ChangeReason;
  /** Only when the user comes back from a sign-out at the provider: whether the `state` shows that the provider sent them. */
  readonly confirmed?: boolean;
}

/** A party of a flow (RFC 6749 §1.1). */
export type Role = 'user' | 'client' | 'authorization_server' | 'resource_server';

/** One message of the protocol, as the vault sends or receives it. */
export interface ProtocolStep {
  readonly step:
    | 'metadata'
    | 'keys'
    | 'resource_metadata'
    | 'registration'
    | 'pushed_authorization'
    | 'authorization'
    | 'device_authorization'
    | 'token'
    | 'id_token'
    | 'api'
    | 'socket'
    | 'userinfo'
    | 'revocation'
    | 'end_session';
  /** `check`: the client checks something that it has received. */
  readonly message: 'request' | 'response' | 'check';
  readonly from: Role;
  readonly to: Role;
  /** Whether the browser navigates with this message, so that it passes the user. The user’s steps at the provider are not told. */
  readonly navigates: boolean;
  /** A request and its response have the same number. Navigations have no common number. */
  readonly exchange: number;
  /** When the message was sent or arrived, in milliseconds since 1970. */
  readonly time: number;
  /** Of a response: milliseconds since its request. */
  readonly duration?: number;
  readonly method?: string;
  /** Without query and fragment. */
  readonly url?: string;
  /** The HTTP status of a response. */
  readonly status?: number;
  /** `refused`: by the server or by a check of the client. `failed`: no response, or none of this protocol. */
  readonly outcome: 'sent' | 'ok' | 'refused' | 'failed';
  /** The code of an error: the server’s (`access_denied`) or one of `ErrorCode`. */
  readonly reason?: string;
  /** The parameters in their order; `null` for a value that is secret, or that the client does not know to be public. */
  readonly parameters: Readonly<Record<string, string | null>>;
  /** The section that defines the message, such as `RFC 6749 §4.1.3`. */
  readonly spec: string;
}

/** A step of the client, for logs, tests and pictures. The event never contains a secret. */
export type TraceEvent = Event &
  (
    | ProtocolStep
    | { readonly step: 'vault'; readonly home: 'shared' | 'dedicated' | 'page' }
    | { readonly step: 'callback'; readonly outcome: 'completed' | 'ignored' | 'declined'; readonly reason?: string }
    | { readonly step: 'restore'; readonly outcome: 'declined'; readonly reason: string }
  );

export interface Client<Claims extends object = StandardClaims> {
  /** The last known session. */
  readonly session: Session<Claims> | null;

  /**
   * Completes a pending sign-in if the provider's redirect loaded this page; otherwise resumes the session if there is one.
   * The client first removes the authorization response from the address. Call `start()` once after each page load. A second
   * call returns the same session.
   *
   * If a sign-in fails, an earlier session stays, and `returnTo` of the error says where the sign-in began. A prerendered page
   * (`document.prerendering`) waits until it is shown.
   *
   * @returns the session, or `null` if no user is signed in. In the latter case, the client fetches the provider's metadata in
   * advance, so that a later sign-in can start at once.
   */
  start(): Promise<Session<Claims> | null>;

  /** Navigates to the provider. The promise stays pending until the page is gone, and rejects if the page cannot leave. */
  signIn(options?: SignInOptions & { mode?: 'redirect' }): Promise<never>;
  /**
   * Signs the user in in another window. If that fails, an earlier session stays, with one exception: if a silent sign-in finds
   * another user than the session's, that session ends (`user_changed`). A silent sign-in sends the session's user to the
   * provider (`login_hint`).
   */
  signIn(options: SignInOptions & { mode: 'popup' | 'silent' }): Promise<Session<Claims>>;

  /**
   * Signs the user in on another device (RFC 8628): on a television or a kiosk, where nobody types a password. Show the code and the
   * address, and wait for `session`. The device code stays in the vault. After a reload, the same call continues the sign-in while the
   * vault lives. `signal` ends it.
   *
   * `returnTo` and `features` have no effect. The provider must offer device authorization to this client.
   */
  signIn(options: SignInOptions & { mode: 'device'; signal?: AbortSignal }): Promise<DeviceSignIn<Claims>>;

  /**
   * Signs the client in as itself, without a user (client credentials, RFC 6749 §4.4). This needs `tokenEndpointAuthMethod:
   * 'private_key_jwt'`. The session has an empty `sub`, and is renewed in the same way. Of the other options, only `params`,
   * `scope` and `signal` have an effect, and those about a user are refused; `signal` prevents the request if it is already aborted.
   */
  signIn(options: SignInOptions & { mode: 'machine'; signal?: AbortSignal }): Promise<Session<Claims>>;

  /**
   * The public key of a client with `tokenEndpointAuthMethod: 'private_key_jwt'`, to be registered at the provider. The first call makes
   * the key. The private key stays in this browser (IndexedDB): no script can copy it, and every script of the origin can use it while a
   * page is open. Call it on a page on which no script was injected: see `docs/machines.md`.
   */
  publicKey(): Promise<PublicKey>;

  /**
   * Sends a request with the access token to a URL on the `api` list. Arguments and response are those of the browser's
   * `fetch`. The client follows no redirects, whatever `redirect` says, and refuses `manual`. The function does not use `this`,
   * so other libraries can take it as their `fetch`.
   *
   * If the API refuses the token with a 401, the client sends the request once more with another token. A body that is a
   * stream is sent only once. Chromium sends it while it is read (over HTTP/2 or later, as with `fetch`). In other browsers,
   * the client reads the whole stream before it sends the request.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<ApiResponse>;

  /**
   * Renews the access token of the sign-in now, and the tokens of further APIs before their next call. Rarely needed, because `fetch` renews
   * tokens by itself.
   */
  refresh(): Promise<Session<Claims>>;

  /**
   * Requests the user's claims from the provider's UserInfo endpoint (OpenID Connect Core §5.3). Of the claims, the client
   * checks `sub`, which must be that of the session, and in a signed response also `iss` and `aud`. It leaves out claims that
   * contain a token of the session. If the session has no ID Token, pass the expected user as `sub`.
   */
  userinfo(options?: { sub?: string }): Promise<{ sub: string } & Claims>;

  /**
   * Forgets the session, revokes its tokens (RFC 7009) and, if the provider supports it, navigates to the provider to end the
   * provider's own session (RP-Initiated Logout). The user is signed out of this app whatever the provider does. The promise
   * resolves if the page stays, because the provider does not support RP-Initiated Logout or `everywhere` is `false`. It stays
   * pending if the page leaves.
   *
   * When the user comes back, `start()` dispatches a `change` event. Its `confirmed` says whether the provider sent the user.
   */
  signOut(options?: { everywhere?: boolean }): Promise<void>;

  /**
   * Gives up the session and keeps the provider's own: forgets the session in all tabs and revokes its tokens (RFC 7009). The page stays,
   * and a later sign-in may need no password. The same as `signOut({ everywhere: false })`.
   */
  revoke(): Promise<void>;

  /**
   * Gives up the session, as `revoke()` does, and forgets the client ID of a registration, so that the next sign-in registers the app
   * anew. Call it if the provider no longer knows the client, and shows an error page instead of sending the user back. With the option
   * `clientId`, it only gives up the session.
   */
  forget(): Promise<void>;

  /**
   * Ends the sessions that `iss` and `sid` in the query of the current page name. It is for the page that the provider loads in
   * a hidden frame when the user signs out elsewhere (Front-Channel Logout), registered as `frontchannel_logout_uri`. The
   * promise resolves with whether there was such a session. Browsers that partition the storage of frames show no session to
   * a provider of another site.
   */
  frontChannelLogout(): Promise<boolean>;

  /** Starts the worker and fetches the provider's metadata before they are needed. */
  preload(): Promise<void>;

  /**
   * Only with `tokens: 'page'`: returns a valid access token, and renews it first if necessary.
   *
   * @param url the absolute URL of a call, for an API that has an access token of its own; without it, the token of the sign-in
   */
  accessToken(url?: string | URL): Promise<string>;

  /**
   * Opens a socket in the worker, for `WebSocket` of `valet-key/streams`. Use that class.
   *
   * @param url a `wss` or `ws` URL
   * @param protocols the subprotocols of the app
   */
  openSocket(url: string, protocols: string[]): Promise<{ readonly port: MessagePort }>;

  addEventListener(type: 'change', listener: (event: ChangeEvent<Claims>) => void, options?: AddEventListenerOptions): void;
  addEventListener(type: 'trace', listener: (event: TraceEvent) => void, options?: AddEventListenerOptions): void;
  removeEventListener(type: 'change', listener: (event: ChangeEvent<Claims>) => void): void;
  removeEventListener(type: 'trace', listener: (event: TraceEvent) => void): void;
}

/**
 * The class of every error that this package throws. Only a call that the app aborts rejects with the reason of its
 * `AbortSignal`.
 */
export class ValetKeyError extends Error {
  readonly name: 'ValetKeyError';
  /** What happened. Stable. */
  readonly code: ErrorCode;
  /** Who has to act. */
  readonly fault: Fault;
  /** What to do about it. */
  readonly hint: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Seconds to wait before the next attempt, if the server said so. */
  readonly retryAfter?: number;
  /** After a failed sign-in: path, query and fragment of the page where the sign-in began. */
  readonly returnTo?: string;
  /**
   * The OAuth error that the server sent, at most 1,000 characters of each text. The texts are not trusted: never insert them
   * into a page as markup. The client omits a text that contains a secret of the exchange, such as the code: `error` is then
   * empty, another member is missing, and `message` says so.
   */
  readonly oauth?: { readonly error: string; readonly error_description?: string; readonly error_uri?: string };
}

export type Fault = 'app' | 'server' | 'user' | 'browser' | 'library';

export type ErrorCode =
  /**
   * The server refused the authorization request; `oauth` says why (RFC 6749 §4.1.2.1). If `returnTo` is missing, the response
   * had no `state` and may belong to another request.
   */
  | 'authorization_error'
  /** A sign-out or another sign-in superseded the call. */
  | 'cancelled'
  /** An option is wrong, or the environment lacks something. */
  | 'config_error'
  /** The provider's metadata could not be found. */
  | 'discovery_failed'
  /**
   * The server issued a token that is not bound to the key (DPoP, RFC 9449), refused the proof of the key, or hides a header that the
   * client needs, or the key is gone. The `hint` says what to change; `oauth` has the server's reason, if there is one.
   */
  | 'dpop_error'
  /** The authorization response contains a parameter twice (RFC 6749 §3.1). */
  | 'duplicate_parameter'
  /** The client refused the ID Token (OpenID Connect Core §3.1.3.7). */
  | 'id_token_invalid'
  /**
   * The authorization response is from another server (RFC 9207 §2.4), lacks a required `iss`, or came to another page than
   * `redirectUri`.
   */
  | 'iss_mismatch'
  /** The metadata belong to another issuer than the one configured (RFC 8414 §3.3). */
  | 'issuer_mismatch'
  /** The user has to sign in. If the provider declined a silent sign-in, `oauth` says why. */
  | 'login_required'
  /** The metadata are malformed or lack something. */
  | 'metadata_invalid'
  /**
   * There is no response: the browser is offline, or CORS, TLS or a redirect that the client does not follow prevented it.
   * Also used if a file of this package cannot be loaded.
   */
  | 'network_error'
  /** The response is not JSON. */
  | 'not_json'
  /** The browser blocked the popup. Call `signIn` in the click handler, before anything is awaited. */
  | 'popup_blocked'
  /**
   * The user closed the popup, as far as the page can know. A popup that the provider cuts off from the page looks closed, too,
   * so the page must also regain the focus at that moment, or have it for ten seconds, or open another popup.
   */
  | 'popup_closed'
  /** The user did not complete the sign-in in the popup within ten minutes. */
  | 'popup_timeout'
  /** The app called `signIn()` too often without a click of the user. If the last sign-in failed, `cause` is its error. */
  | 'redirect_loop'
  /**
   * The client did not send the call: its address is not on the `api` list, it has an `Authorization` or `DPoP` header already,
   * or the browser rejects its arguments.
   */
  | 'request_blocked'
  /** The provider refused to register the app, which has no `clientId`; `oauth` says why (RFC 7591 §3.2.2). */
  | 'registration_error'
  /** The response has the wrong shape. */
  | 'response_invalid'
  /** The server responded with status 429 or 5xx. */
  | 'server_unavailable'
  /** The session is over: the refresh token is no longer accepted. */
  | 'session_ended'
  /**
   * The authorization response is not the one for which this page waits, or it came after more than an hour (RFC 6749 §10.12).
   * If no sign-in is pending at all, the client removes such a response from the address and ignores it. An address whose
   * `state` is not from this library belongs to another flow of the app, and the client does not touch it.
   */
  | 'state_mismatch'
  /** The server did not respond in time. */
  | 'timeout'
  /**
   * The token endpoint or the device authorization endpoint refused the request, or the UserInfo endpoint refused the token; `oauth` says why (RFC 6749 §5.2,
   * RFC 6750 §3.1).
   */
  | 'token_error'
  /** The response is larger than this client accepts. */
  | 'too_large'
  /** An internal error of this library. */
  | 'unexpected'
  /**
   * The server requires something that this client does not support, or an API needs an access token that only a refresh token
   * gets.
   */
  | 'unsupported'
  /** An endpoint is not an acceptable URL. */
  | 'url_rejected'
  /** A silent sign-in found another user at the provider than the session's. The session is over. */
  | 'user_changed'
  /** The UserInfo response is about another user, or does not have the agreed form (OpenID Connect Core §5.3). */
  | 'userinfo_invalid';
