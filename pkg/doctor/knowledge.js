/**
 * What the doctor knows: for each check and each outcome, how severe it is, what it breaks, and how to mend it. The page and the command
 * ask in different ways, and both report in these words.
 */

/** @typedef {import('./index.d.ts').Finding} Finding */
/** @typedef {Record<string, any>} Facts */
/** @typedef {string | ((facts: Facts) => string)} Text */
/** Level, what was found, what it breaks, how to mend it. @typedef {[Finding['level'], Text, Text?, Text?]} Outcome */

/**
 * What an endpoint is for, and how much breaks without it.
 * @type {Record<string, { title: string, level: Finding['level'], breaks: string }>}
 */
export const ENDPOINTS = {
  token: {
    title: 'The token endpoint',
    level: 'error',
    breaks: 'Every sign-in fails with `network_error` when the user comes back.',
  },
  jwks: {
    title: 'The address of the keys',
    level: 'error',
    breaks: 'Every sign-in fails with `network_error`: no ID Token can be checked.',
  },
  par: {
    title: 'The endpoint for pushed requests',
    level: 'error',
    breaks: 'Every sign-in fails with `network_error` before the page leaves.',
  },
  registration: {
    title: 'The registration endpoint',
    level: 'error',
    breaks: 'The app gets no client ID: `signIn()` fails with `network_error`.',
  },
  userinfo: {
    title: 'The UserInfo endpoint',
    level: 'warning',
    breaks: '`client.userinfo()` fails with `network_error`. Sign-ins work.',
  },
  revocation: {
    title: 'The revocation endpoint',
    level: 'warning',
    breaks: 'The tokens of a session stay valid at the provider after `signOut()` until they expire.',
  },
  device: {
    title: 'The device authorization endpoint',
    level: 'warning',
    breaks: "`signIn({ mode: 'device' })` fails with `network_error`.",
  },
  api: { title: 'The API', level: 'error', breaks: 'Calls to it fail with `network_error`.' },
};

const list = (/** @type {string[]} */ items) => items.map((item) => `\`${item}\``).join(', ');
const endpoint = (/** @type {Facts} */ { endpoint: name, url }) => `${ENDPOINTS[name].title} (${url})`;
const breaks = (/** @type {Facts} */ { endpoint: name }) => ENDPOINTS[name].breaks;
const allow = (/** @type {Facts} */ { endpoint: name, origin }) =>
  name === 'api'
    ? `Let the API answer \`Access-Control-Allow-Origin: ${origin}\`, also to \`OPTIONS\` and with errors.`
    : `At the provider, add ${origin} to the allowed web origins (CORS) of this client: docs/providers.md.`;
const PAGE_BLOCKED =
  'Run `npx valet-key doctor`, which no policy of the page concerns. Or allow the address in `connect-src` of the page while you diagnose.';
const COPY = 'Run `npx valet-key copy FOLDER`, and set `workerUrl` to the address of its worker.js.';

/** @type {Record<string, { source: string, outcomes: Record<string, Outcome> }>} */
export const CHECKS = {
  client: {
    source: 'pkg/index.d.ts, Options and ErrorCode',
    outcomes: {
      ok: ['ok', 'A client with these options starts, and accepts the provider’s metadata.'],
      failed: [
        'error',
        ({ code, message }) => `A client with these options cannot prepare a sign-in: ${message} (\`${code}\`).`,
        'No sign-in begins.',
        ({ hint }) => hint,
      ],
    },
  },
  secure_context: {
    source: 'Secure Contexts §3.1',
    outcomes: {
      ok: ['ok', 'The page is a secure context.'],
      missing: [
        'error',
        ({ origin }) => `${origin} is not a secure context.`,
        'The browser has no Web Cryptography here, so no sign-in can be made.',
        'Serve the page with https. For development, open it at http://localhost, not at an address of the network.',
      ],
    },
  },
  service_worker: {
    source: 'docs/security.md, The keeper',
    outcomes: {
      ok: ['ok', 'Service workers are available.'],
      missing: [
        'warning',
        'Service workers are not available in this window.',
        'After a reload of the only tab, the provider is asked for the session again. A guard does not work at all.',
        'Use https and a window that keeps site data; in Firefox, private windows do not.',
      ],
    },
  },
  redirect_uri: {
    source: 'RFC 6749 §3.1.2, RFC 9700 §2.1',
    outcomes: {
      ok: ['ok', ({ url }) => `The redirect URI is ${url}. Register it at the provider, spelled exactly like this.`],
      this_page: [
        'ok',
        ({ url }) => `The redirect URI is this page, ${url}. Register it at the provider, spelled exactly like this.`,
      ],
      invalid: [
        'error',
        ({ url }) => `${url} is not a URL.`,
        'The provider cannot send the user back.',
        'Write an absolute URL.',
      ],
      insecure: [
        'error',
        ({ url }) => `The redirect URI ${url} is neither https nor on this device.`,
        'Providers refuse it, and a network could read the code.',
        'Serve the app with https, or open it at http://localhost for development.',
      ],
      fragment: [
        'error',
        ({ url }) => `The redirect URI ${url} has a fragment.`,
        'Providers refuse it.',
        'Set `redirectUri` to a page without `#`: `signIn` returns the user to the route where the sign-in began.',
      ],
      query: [
        'warning',
        ({ url }) => `The redirect URI ${url} has a query.`,
        'Some providers drop it or refuse it. The client then reports `iss_mismatch`.',
        'Set `redirectUri` to a page without a query.',
      ],
      other_origin: [
        'error',
        ({ url, origin }) => `The redirect URI ${url} is not on the page’s origin, ${origin}.`,
        'The page that begins the sign-in never gets the response.',
        ({ origin }) => `Set \`redirectUri\` to a page of ${origin}, and register that page.`,
      ],
      not_served: [
        'error',
        ({ url, status }) => `The redirect page ${url} cannot be loaded: ${status}.`,
        'The user comes back to an error, and the sign-in is not completed.',
        'Serve the app at that address, or set `redirectUri` to a page that exists. It must call `client.start()`.',
      ],
      redirects: [
        'error',
        ({ url, to }) => `The server sends the redirect page ${url} on to ${to}.`,
        'The client accepts a response only at the page that it named: the sign-in ends with `iss_mismatch`, or the response is lost.',
        ({ to }) => `Set \`redirectUri\` to ${to} and register that, or let the server answer without a redirect.`,
      ],
    },
  },
  issuer: {
    source: 'RFC 8414 §2, OpenID Connect Discovery §3',
    outcomes: {
      ok: ['ok', ({ issuer }) => `The issuer is ${issuer}.`],
      server: ['ok', 'The metadata are those of the option `server`.'],
      invalid: [
        'error',
        ({ issuer }) => `The issuer ${issuer} is not a URL.`,
        'No metadata can be found.',
        'Write the issuer as the provider spells it, beginning with https://.',
      ],
      well_known: [
        'error',
        ({ issuer }) => `The issuer ${issuer} is the address of the metadata.`,
        'No metadata can be found.',
        ({ bare }) => `Write ${bare}`,
      ],
      insecure: [
        'error',
        ({ issuer }) => `The issuer ${issuer} is not https.`,
        'The client refuses it with `url_rejected`.',
        'Use https.',
      ],
      loopback: [
        'error',
        ({ issuer }) => `The issuer ${issuer} is http on this device.`,
        'The client refuses it.',
        'Set `allowLoopbackHttp: true` for development.',
      ],
    },
  },
  'discovery.address': {
    source: 'RFC 8414 §3, OpenID Connect Discovery §4',
    outcomes: {
      found: ['ok', ({ url }) => `The metadata are at ${url}.`],
      status: [
        'warning',
        ({ url, status }) => `${url} has no metadata: status ${status}.`,
        'Each start asks one address more.',
        'Nothing, if another address has them.',
      ],
      not_json: [
        'warning',
        ({ url, type }) => `${url} is not JSON${type ? ` but ${type}` : ''}.`,
        'The client looks elsewhere for the metadata.',
        'If this host serves the app for unknown paths, exclude /.well-known/ from that.',
      ],
      redirect: [
        'warning',
        ({ url, to }) => `${url} is a redirect${to ? ` to ${to}` : ''}.`,
        'The client follows no redirects of metadata.',
        'Set `issuer` to the spelling that needs no redirect.',
      ],
      cors: [
        'warning',
        ({ url, detail }) => `${url} answers, but no page can read it: ${detail}.`,
        'The client cannot read these metadata.',
        ({ origin }) =>
          `Let the provider send \`Access-Control-Allow-Origin: ${origin}\` (or \`*\`) with its metadata.`,
      ],
      policy: ['unknown', ({ url }) => `The page’s own policy forbids the page to ask ${url}.`, '', PAGE_BLOCKED],
      unreachable: [
        'warning',
        ({ url, detail }) => `${url} does not answer${detail ? `: ${detail}` : ''}.`,
        'The client cannot read these metadata.',
        'Check the spelling of the host, that the provider runs, and its certificate.',
      ],
    },
  },
  discovery: {
    source: 'RFC 8414 §3, OpenID Connect Discovery §4',
    outcomes: {
      none: [
        'error',
        ({ issuer }) => `No metadata of ${issuer} can be read.`,
        'No sign-in begins: `discovery_failed` or `network_error`.',
        'See the addresses above. If the provider publishes no metadata, or does not let pages read them, set its endpoints in `server`.',
      ],
    },
  },
  content_type: {
    source: 'RFC 8414 §3.2',
    outcomes: {
      ok: ['ok', 'The metadata are served as JSON.'],
      other: [
        'warning',
        ({ url, type }) => `${url} is JSON, but is served as ${type || 'nothing'}.`,
        'Nothing in this library. Other clients refuse it.',
        'Serve it as application/json.',
      ],
    },
  },
  issuer_match: {
    source: 'RFC 8414 §3.3',
    outcomes: {
      ok: ['ok', 'The metadata name the same issuer, to the byte.'],
      slash: [
        'error',
        ({ expected, received }) => `The option is ${expected}, the metadata say ${received}: only a slash differs.`,
        'Every sign-in fails with `issuer_mismatch`.',
        ({ received }) => `Set \`issuer: '${received}'\`.`,
      ],
      other: [
        'error',
        ({ expected, received }) => `The option is ${expected}, the metadata say ${received}.`,
        'Every sign-in fails with `issuer_mismatch`.',
        ({ received }) =>
          `If ${received} is your provider, set \`issuer\` to that spelling. Otherwise, correct the provider’s public address. ` +
          'If the provider writes a template there, use the address of your own tenant.',
      ],
    },
  },
  metadata: {
    source: 'RFC 8414 §2',
    outcomes: {
      ok: ['ok', 'The metadata name the endpoints that a sign-in needs.'],
      missing: [
        'error',
        ({ member }) => `The metadata have no \`${member}\`.`,
        'No sign-in begins: `metadata_invalid`.',
        'Correct the provider’s metadata, or set the endpoints in `server`. For plain OAuth 2, set `openid: false`.',
      ],
      url: [
        'error',
        ({ member, value }) => `\`${member}\` of the metadata is ${value}, which is not an acceptable URL.`,
        'The client refuses it with `url_rejected`.',
        'Set the provider’s public address to its https address. Behind a proxy, the provider has to know it.',
      ],
      no_code: [
        'error',
        '`response_types_supported` does not list `code`.',
        'No sign-in begins: `unsupported`.',
        'Turn the authorization code flow on at the provider.',
      ],
    },
  },
  pkce: {
    source: 'RFC 7636 §4.2, RFC 8414 §2',
    outcomes: {
      ok: ['ok', 'The provider supports PKCE with S256.'],
      missing: [
        'error',
        ({ values }) => `\`code_challenge_methods_supported\` lists ${list(values) || 'nothing'}, without \`S256\`.`,
        'No sign-in begins: `unsupported`. A code without PKCE can be used by the one who steals it.',
        'Turn PKCE with S256 on at the provider.',
      ],
      silent: [
        'unknown',
        'The metadata do not say whether the provider supports PKCE.',
        'The client sends a challenge in any case. A provider that ignores it protects the code less.',
        'Ask the provider’s documentation; turn PKCE on (“required”) for this client.',
      ],
    },
  },
  client_authentication: {
    source: 'RFC 6749 §2.1, RFC 8414 §2, docs/providers.md',
    outcomes: {
      ok: ['ok', ({ method }) => `The metadata list \`${method}\`: the provider has clients of this kind.`],
      silent: [
        'unknown',
        'The metadata do not say whether the provider accepts clients without a secret.',
        '',
        'Register a public client (“single-page app”).',
      ],
      not_listed: [
        'warning',
        ({ values, method }) =>
          `\`token_endpoint_auth_methods_supported\` lists ${list(values)}, without \`${method}\`.`,
        'The provider may demand a secret, which a page cannot keep. Some providers accept public clients without listing `none`.',
        'Register a public client (“single-page app”). If the provider has none, use the relay of docs/providers.md.',
      ],
      refused: [
        'error',
        ({ clientId }) =>
          `The token endpoint does not accept the client ${clientId}: it is unknown there, or needs a secret.`,
        'The sign-in fails with `token_error` when the user comes back.',
        'Compare `clientId` with the provider’s. Register a public client (“single-page app”), not ' +
          'a confidential one (“web application”). ' +
          'If the provider has no public clients, use the relay of docs/providers.md.',
      ],
    },
  },
  refresh: {
    source: 'OpenID Connect Core §11, docs/providers.md',
    outcomes: {
      ok: ['ok', 'The provider issues refresh tokens, and the scope asks for one where it has to.'],
      no_grant: [
        'warning',
        '`grant_types_supported` does not list `refresh_token`.',
        'The session ends together with its access token (`expired`), or is restored by a silent sign-in.',
        'Turn refresh tokens on at the provider, with rotation, for this client.',
      ],
      not_requested: [
        'warning',
        'The provider offers `offline_access`, and `scope` does not ask for it.',
        'Many providers then issue no refresh token, and the session ends together with its access token (`expired`).',
        "Add `offline_access` to `scope`. Some providers also want `client.signIn({ prompt: 'consent' })`.",
      ],
      not_offered: [
        'warning',
        '`scope` has `offline_access`, which `scopes_supported` does not list.',
        'The provider may refuse the sign-in with `invalid_scope`, or ignore the scope.',
        'Remove it, unless the provider’s documentation asks for it.',
      ],
      silent: [
        'unknown',
        'The metadata do not say whether the provider issues refresh tokens.',
        '',
        'See docs/providers.md.',
      ],
    },
  },
  restore: {
    source: 'OpenID Connect Core §3.1.2.1, Initiating User Registration §4.1',
    outcomes: {
      ok: ['ok', 'The metadata do not speak against silent sign-ins (`prompt=none`).'],
      off: ['ok', 'The options ask for no silent sign-in.'],
      unsupported: [
        'warning',
        ({ values }) => `\`prompt_values_supported\` lists ${list(values)}, without \`none\`.`,
        'After a reload without a vault, the user may end on an error page of the provider.',
        "Set `restore: 'vault'`.",
      ],
    },
  },
  id_token: {
    source: 'OpenID Connect Discovery §3',
    outcomes: {
      ok: ['ok', 'The provider signs ID Tokens with an algorithm that the client checks.'],
      unsupported: [
        'error',
        ({ values }) => `\`id_token_signing_alg_values_supported\` lists only ${list(values) || 'nothing'}.`,
        'No sign-in begins: `unsupported`.',
        'Let the provider sign with RS256, PS256, ES256 or EdDSA. A secret (HS256) cannot be used in a page.',
      ],
    },
  },
  dpop: {
    source: 'RFC 9449 §5.1, docs/bound-tokens.md',
    outcomes: {
      bound: [
        'ok',
        'The provider offers tokens that are bound to a key, and the client uses that. The API must accept the scheme `DPoP`.',
      ],
      off: ['ok', 'The options ask for no tokens that are bound to a key.'],
      none: ['ok', 'The provider does not offer tokens that are bound to a key. The client uses ordinary ones.'],
      required: [
        'warning',
        "`dpop: 'required'` is set, and the metadata do not mention DPoP.",
        'If the provider issues ordinary tokens, the sign-in fails with `dpop_error`.',
        "Turn DPoP on at the provider, or set `dpop: 'auto'`.",
      ],
      algorithms: [
        'error',
        ({ values }) =>
          `\`dpop_signing_alg_values_supported\` lists ${list(values) || 'nothing'}, without ES256 and Ed25519.`,
        'No sign-in begins: `unsupported`.',
        "Allow ES256 at the provider, or set `dpop: 'off'`.",
      ],
    },
  },
  par: {
    source: 'RFC 9126 §5',
    outcomes: {
      used: ['ok', 'The client sends authorization requests to the provider directly (PAR).'],
      none: ['ok', 'The provider has no endpoint for pushed requests. The client sends requests in the address.'],
      missing: [
        'error',
        '`require_pushed_authorization_requests` is true, and there is no `pushed_authorization_request_endpoint`.',
        'No sign-in begins: `metadata_invalid`.',
        'Correct the provider’s metadata.',
      ],
    },
  },
  iss: {
    source: 'RFC 9207 §3',
    outcomes: {
      ok: ['ok', 'The provider names itself in its responses (`iss`).'],
      missing: [
        'ok',
        'The provider does not name itself in its responses (`iss`). An app with several providers needs a redirect page for each.',
      ],
    },
  },
  sign_out: {
    source: 'OpenID Connect RP-Initiated Logout §2.1',
    outcomes: {
      ok: ['ok', 'The provider has a page that ends its own session.'],
      missing: [
        'warning',
        'The metadata have no `end_session_endpoint`.',
        '`signOut()` ends the app’s session only. The next sign-in may need no password.',
        "Tell your users, or call `signIn({ prompt: 'login' })`. Some providers have a sign-out page of their own: docs/providers.md.",
      ],
    },
  },
  revocation: {
    source: 'RFC 7009 §2',
    outcomes: {
      ok: ['ok', 'The provider can revoke tokens.'],
      missing: [
        'warning',
        'The metadata have no `revocation_endpoint`.',
        'The tokens of a session stay valid at the provider after `signOut()` until they expire.',
        'Let the provider issue short-lived access tokens.',
      ],
    },
  },
  cors: {
    source: 'Fetch §3.3, RFC 9449 §9',
    outcomes: {
      read: ['ok', (facts) => `${endpoint(facts)} lets the page read its responses.`],
      cors: [
        'error',
        (facts) => `${endpoint(facts)} answers, but no page can read it: ${facts.detail}.`,
        breaks,
        allow,
      ],
      preflight: [
        'error',
        (facts) => `${endpoint(facts)} refuses the request before it is sent (preflight): ${facts.detail}.`,
        breaks,
        (facts) =>
          `Let it answer \`OPTIONS\` with status 204, \`Access-Control-Allow-Origin: ${facts.origin}\` ` +
          `and \`Access-Control-Allow-Headers: ${facts.headers}\`.`,
      ],
      redirect: [
        'error',
        (facts) => `${endpoint(facts)} is a redirect${facts.to ? ` to ${facts.to}` : ''}.`,
        breaks,
        'Name the address that needs no redirect: the client follows none.',
      ],
      missing: [
        'error',
        (facts) => `${endpoint(facts)} does not exist there: status ${facts.status}.`,
        breaks,
        'Correct the provider’s metadata, or `server`.',
      ],
      policy: ['unknown', (facts) => `The page’s own policy forbids the page to ask ${facts.url}.`, '', PAGE_BLOCKED],
      unreachable: [
        'error',
        (facts) => `${endpoint(facts)} does not answer${facts.detail ? `: ${facts.detail}` : ''}.`,
        breaks,
        'Check the spelling of the host, that the server runs, and its certificate.',
      ],
    },
  },
  'headers.dpop_nonce': {
    source: 'RFC 9449 §8.1',
    outcomes: {
      ok: ['ok', (facts) => `${endpoint(facts)} lets pages read \`DPoP-Nonce\`.`],
      hidden: [
        'warning',
        (facts) => `${endpoint(facts)} does not list \`DPoP-Nonce\` in \`Access-Control-Expose-Headers\`.`,
        'If it demands nonces, requests to it fail with `dpop_error`.',
        'Let it send `Access-Control-Expose-Headers: dpop-nonce, www-authenticate, date`.',
      ],
      unknown: [
        'unknown',
        (facts) => `A page cannot see whether ${facts.url} exposes \`DPoP-Nonce\`, since this response has none.`,
        '',
        'Run `npx valet-key doctor`, which reads all headers.',
      ],
    },
  },
  'headers.www_authenticate': {
    source: 'RFC 6750 §3, RFC 9470 §3',
    outcomes: {
      ok: ['ok', (facts) => `${endpoint(facts)} lets pages read \`WWW-Authenticate\`.`],
      hidden: [
        'warning',
        (facts) => `${endpoint(facts)} refuses a token with 401, and pages cannot read \`WWW-Authenticate\`.`,
        '`response.stepUp` stays empty, and a client with bound tokens cannot tell why a token was refused.',
        'Let it send `WWW-Authenticate` and `Access-Control-Expose-Headers: www-authenticate`.',
      ],
    },
  },
  'headers.date': {
    source: 'RFC 9449 §11.1, docs/bound-tokens.md',
    outcomes: {
      ok: ['ok', (facts) => `${endpoint(facts)} lets pages read \`Date\`.`],
      hidden: [
        'warning',
        (facts) => `${endpoint(facts)} does not let pages read \`Date\`.`,
        'On a device with a wrong clock, proofs of the key are refused (`dpop_error`).',
        'Let it send `Access-Control-Expose-Headers: date`.',
      ],
    },
  },
  clock: {
    source: 'OpenID Connect Core §3.1.3.7, docs/bound-tokens.md',
    outcomes: {
      ok: ['ok', ({ of }) => `The clock of this device agrees with that of ${of}.`],
      slight: [
        'warning',
        ({ of, seconds }) => `The clock of this device differs by ${seconds} seconds from that of ${of}.`,
        'Servers may refuse proofs of a key (DPoP).',
        'Let the device set its clock from the network.',
      ],
      off: [
        'error',
        ({ of, seconds }) => `The clock of this device differs by ${seconds} seconds from that of ${of}.`,
        'The client refuses ID Tokens whose time is more than five minutes off (`id_token_invalid`).',
        'Set the clock of the device, or that of the server, from the network.',
      ],
      unknown: [
        'unknown',
        ({ of }) => `${of} sends no \`Date\` that can be read here.`,
        '',
        'Nothing, if sign-ins work.',
      ],
    },
  },
  'csp.page': {
    source: 'Content Security Policy §6, docs/security.md, Headers',
    outcomes: {
      ok: ['ok', 'The page’s policy allows what the client needs.'],
      none: [
        'warning',
        'The page has no Content-Security-Policy.',
        'A script that is injected into the page can send data anywhere, and act as the user while the page is open.',
        "Send `Content-Security-Policy: default-src 'none'; script-src 'self'; worker-src 'self'; …`: docs/security.md.",
      ],
      unknown: [
        'unknown',
        ({ url }) => `The headers of ${url} cannot be read.`,
        '',
        'Serve the page without a sign-in of its own.',
      ],
      blocked: [
        'error',
        ({ directive, url }) => `The page’s policy (\`${directive}\`) forbids ${url}.`,
        ({ directive }) =>
          directive === 'worker-src'
            ? 'The client does not start: `config_error`.'
            : 'Requests of the client fail with `network_error`.',
        ({ directive, url, origin }) =>
          `Add \`${new URL(url).origin === origin ? "'self'" : new URL(url).origin}\` ` +
          `to \`${directive}\` of the page’s Content-Security-Policy.`,
      ],
      wasm: [
        'error',
        "The page’s policy forbids WebAssembly, and `tokens: 'page'` runs it in the page.",
        'The client does not start: `config_error`.',
        "Add `'wasm-unsafe-eval'` to `script-src` of the page, or keep the tokens in the worker.",
      ],
      trusted_types: [
        'error',
        'The page’s policy (`trusted-types`) does not allow the policy `valet-key`.',
        'The client cannot start its worker: `config_error`.',
        'Add `valet-key` to `trusted-types`.',
      ],
      frame: [
        'warning',
        ({ url }) => `The page’s policy (\`frame-src\`) forbids frames of ${url}, which seems to be same-site.`,
        'A session is restored by a redirect of the whole page instead of a hidden frame.',
        ({ url }) => `Add \`'self' ${url}\` to \`frame-src\`, and \`'self'\` to \`frame-ancestors\`.`,
      ],
    },
  },
  'csp.worker': {
    source: 'Content Security Policy §6, docs/security.md, Headers',
    outcomes: {
      ok: ['ok', 'The policy of worker.js allows WebAssembly and the addresses of the options.'],
      none: [
        'warning',
        'worker.js is served without a Content-Security-Policy.',
        'Nothing. With a policy, the browser itself makes sure that the worker reaches no other host.',
        ({ origins }) =>
          `Send worker.js with \`Content-Security-Policy: default-src 'none'; ` +
          `script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ${origins}\`.`,
      ],
      blocked: [
        'error',
        ({ url }) => `The policy of worker.js (\`connect-src\`) forbids ${url}.`,
        'Requests of the client to it fail with `network_error`, which looks like missing CORS headers.',
        ({ url }) => `Add \`${new URL(url).origin}\` to \`connect-src\` of the policy of worker.js.`,
      ],
      wasm: [
        'error',
        'The policy of worker.js forbids WebAssembly.',
        'The client does not start: `config_error`.',
        "Add `'wasm-unsafe-eval'` to `script-src` of the policy of worker.js.",
      ],
    },
  },
  coop: {
    source: 'HTML §7.1.3',
    outcomes: {
      ok: ['ok', 'The page has no Cross-Origin-Opener-Policy that concerns popups.'],
      cut: [
        'ok',
        ({ value }) =>
          `\`Cross-Origin-Opener-Policy: ${value}\` cuts popups off from the page. ` +
          `Sign-ins in a popup work: their response takes another way.`,
      ],
    },
  },
  coep: {
    source: 'HTML §7.1.4',
    outcomes: {
      ok: ['ok', 'The page has no Cross-Origin-Embedder-Policy.'],
      isolated: [
        'warning',
        ({ value }) =>
          `\`Cross-Origin-Embedder-Policy: ${value}\` of the page blocks the provider’s page in a hidden frame.`,
        'A session is restored by a redirect of the whole page instead.',
        'Nothing, if a redirect is acceptable.',
      ],
      worker: [
        'error',
        ({ value }) => `The page has \`Cross-Origin-Embedder-Policy: ${value}\`, and worker.js has no such header.`,
        'The browser refuses the worker: `config_error`.',
        ({ value }) => `Send worker.js with \`Cross-Origin-Embedder-Policy: ${value}\`, too.`,
      ],
    },
  },
  worker_file: {
    source: 'README.md, docs/security.md',
    outcomes: {
      ok: ['ok', ({ url, version }) => `${url} is the worker of version ${version}.`],
      missing: [
        'error',
        ({ url, status }) => `${url} cannot be loaded: ${status}.`,
        'The client does not start: `config_error`.',
        COPY,
      ],
      html: [
        'error',
        ({ url }) => `${url} is an HTML page: the server answers unknown addresses with the app.`,
        'The client does not start: `config_error`.',
        COPY,
      ],
      type: [
        'error',
        ({ url, type }) => `${url} is served as ${type || 'nothing'}.`,
        'Browsers run no such file as a worker: `config_error`.',
        'Serve it as text/javascript.',
      ],
      policy: [
        'unknown',
        ({ url }) => `The page’s own policy forbids the page to ask ${url}.`,
        '',
        "Add `'self'` to `connect-src` of the page while you diagnose.",
      ],
      foreign: [
        'error',
        ({ url }) => `${url} is not the worker of this package.`,
        'The client does not start: `config_error`.',
        COPY,
      ],
      version: [
        'error',
        ({ url, version, expected }) => `${url} is of version ${version}, the page’s part of version ${expected}.`,
        'The client does not start: `config_error`.',
        'Copy worker.js and valet_key.wasm again: `npx valet-key copy FOLDER`. Send them with `Cache-Control: no-cache`.',
      ],
      origin: [
        'error',
        ({ url, origin }) => `${url} is not on the page’s origin, ${origin}.`,
        'Browsers start no worker of another origin: `config_error`.',
        COPY,
      ],
    },
  },
  wasm_file: {
    source: 'README.md, docs/security.md',
    outcomes: {
      ok: ['ok', ({ url }) => `${url} is the module that was built with the worker.`],
      missing: [
        'error',
        ({ url, status }) => `${url} cannot be loaded: ${status}.`,
        'The client does not start: `config_error`.',
        'Put valet_key.wasm beside worker.js (`npx valet-key copy FOLDER` does so), or set `wasmUrl`.',
      ],
      html: [
        'error',
        ({ url }) => `${url} is an HTML page: the server answers unknown addresses with the app.`,
        'The client does not start: `config_error`.',
        'Put valet_key.wasm beside worker.js (`npx valet-key copy FOLDER` does so), or set `wasmUrl`.',
      ],
      type: [
        'warning',
        ({ url, type }) => `${url} is served as ${type || 'nothing'}.`,
        'The browser compiles it only when it has arrived completely, so the first sign-in starts later.',
        'Serve it as application/wasm.',
      ],
      mismatch: [
        'error',
        ({ url }) => `${url} was not built with this worker.js.`,
        'The client does not start: `config_error`.',
        'Copy both files again: `npx valet-key copy FOLDER`. Let no tool change or recompile them.',
      ],
      unknown: [
        'unknown',
        ({ url }) => `${url} cannot be compared with worker.js.`,
        '',
        'See the finding about worker.js.',
      ],
    },
  },
  guard: {
    source: 'docs/guard.md',
    outcomes: {
      ok: ['ok', ({ folder }) => `The folder ${folder} has options.json, and its redirect page is sealed.`],
      options: [
        'error',
        ({ folder, status }) => `${folder}options.json cannot be read: ${status}.`,
        'The client does not start: `config_error`.',
        'Write it with `npx valet-key copy FOLDER --options FILE`.',
      ],
      open: [
        'error',
        'The redirect page of the guard is not sealed.',
        'A script could read the address of the redirect page. The guard refuses to be installed: `config_error`.',
        ({ flaw }) => flaw,
      ],
    },
  },
};

const said = (/** @type {Text | undefined} */ text, /** @type {Facts} */ facts) =>
  typeof text === 'function' ? text(facts) : (text ?? '');

/**
 * The words for an outcome. A check of an endpoint is as severe as the endpoint is important.
 * @param {string} check @param {string} outcome @param {Facts} [facts] @returns {Finding}
 */
export function finding(check, outcome, facts = {}) {
  const { source, outcomes } = CHECKS[check];
  const [level, about, broken, fix] = outcomes[outcome];
  const { endpoint: name } = facts;
  return {
    check: /** @type {Finding['check']} */ (check === 'cors' ? `cors.${name}` : check),
    level: level === 'error' && name ? ENDPOINTS[name].level : level,
    about: said(about, facts),
    breaks: said(broken, facts),
    fix: said(fix, facts),
    source,
  };
}
