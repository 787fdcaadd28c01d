/** The doctor: what it finds in a page, in the files of its server, and at a provider. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { answers, startHostile } from '../support/hostile.mjs';
import { startProvider } from '../support/provider.mjs';
import { story } from '../support/stage.mjs';

const WORKER = await readFile(new URL('../../pkg/wasm/worker.js', import.meta.url), 'utf8');
const MODULE = await readFile(new URL('../../pkg/wasm/valet_key.wasm', import.meta.url));
const HTML = { text: '<!doctype html><title>The app</title>', type: 'text/html' };

/** A page that any script can ask for a diagnosis. It makes no client of its own. */
const DOCTOR = {
  scripts: {
    '/www/app.js': `
      import { diagnose } from '../pkg/doctor/index.js';
      const config = await (await fetch('/www/config.json')).json();
      Object.assign(globalThis, { diagnose, config });
      document.getElementById('state').textContent = 'Signed out';
    `,
  },
};

/** The page itself may call the servers of this machine, so it can ask the provider. */
const MAY_ASK = "default-src 'self' http://localhost:*; img-src data:; worker-src 'self'";
const OPEN = { ...DOCTOR, policies: { page: MAY_ASK } };
/** What a page learns of a request that fails depends on the engine. */
const EVERYWHERE = { ...OPEN, everyEngine: true };

/** The findings about a page with these options. @returns {Promise<import('../../pkg/doctor/index.js').Finding[]>} */
async function diagnosis(stage, options = {}) {
  await stage.page.goto(stage.site.url);
  await stage.page.see('Signed out');
  return stage.page.run('async (options) => diagnose({ ...config, ...options })', options);
}

const brief = (findings, level) =>
  findings.filter((one) => one.level === level).map(({ check, about, fix }) => `${check}: ${about} ${fix}`);

/** Expects a finding of this check and level, which says what to change. */
function found(findings, check, level, pattern) {
  const all = findings.filter((one) => one.check === check);
  const one = all.find((finding) => finding.level === level && pattern.test(`${finding.about} ${finding.fix}`));
  assert.ok(one, `${check} ${level} ${pattern} in\n${findings.map((each) => JSON.stringify(each)).join('\n')}`);
  if (level !== 'ok') assert.ok(one.fix, `${check}: a fix`);
  if (level === 'error' || level === 'warning') assert.ok(one.breaks, `${check}: what breaks`);
  assert.ok(one.source);
}

story('a healthy setup has no error, and nothing that could do something is sent', EVERYWHERE, async (stage) => {
  const { provider, api } = stage;
  const findings = await diagnosis(stage, { scope: 'openid offline_access', redirectUri: '/www/' });
  assert.deepEqual(brief(findings, 'error'), []);
  for (const check of ['client', 'csp.page', 'csp.worker', 'worker_file', 'wasm_file', 'redirect_uri', 'clock'])
    found(findings, check, 'ok', /./);
  for (const check of [
    'issuer_match',
    'metadata',
    'pkce',
    'refresh',
    'sign_out',
    'revocation',
    'client_authentication',
  ])
    found(findings, check, 'ok', /./);
  for (const endpoint of ['token', 'jwks', 'userinfo', 'revocation', 'api'])
    found(findings, `cors.${endpoint}`, 'ok', /./);
  // An app without a client ID would be registered at the first sign-in.
  found(await diagnosis(stage, { clientId: null }), 'cors.registration', 'ok', /./);
  const registered = provider.requests.filter(({ path, status }) => path === '/reg' && status < 300 && status !== 204);
  assert.deepEqual(registered, [], 'nothing was registered');
  found(findings, 'cors.device', 'ok', /./);
  assert.equal(provider.count('authorization'), 0, 'no authorization request');
  assert.deepEqual(provider.issued.secrets(), [], 'nothing was issued');
  assert.deepEqual(
    api.requests.filter(({ status }) => status < 400 && status !== 204),
    [],
    'no call of the API succeeds',
  );
});

story(
  'a page with the recommended policy learns about the rest, and where to ask',
  { ...DOCTOR, everyEngine: true },
  async (stage) => {
    const findings = await diagnosis(stage, { scope: 'openid' });
    assert.deepEqual(brief(findings, 'error'), []);
    for (const check of ['client', 'csp.page', 'csp.worker', 'worker_file', 'wasm_file'])
      found(findings, check, 'ok', /./);
    found(findings, 'discovery.address', 'unknown', /policy forbids.*npx valet-key doctor/);
    assert.equal(brief(findings, 'unknown').filter((text) => /^cors\.api/.test(text)).length, 1);
  },
);

story(
  'a provider that binds tokens to keys: its headers and pushed requests',
  { ...OPEN, provider: (options) => startProvider({ ...options, bound: true }) },
  async (stage) => {
    const findings = await diagnosis(stage);
    assert.deepEqual(brief(findings, 'error'), []);
    found(findings, 'dpop', 'ok', /bound to a key/);
    found(findings, 'par', 'ok', /directly/);
    found(findings, 'cors.par', 'ok', /./);
    assert.ok(findings.some(({ check }) => check === 'headers.dpop_nonce'));
    const pushed = stage.provider.requests.filter(({ path, status }) => path === '/request' && status === 201);
    assert.deepEqual(pushed, [], 'no request was pushed');
  },
);

const WELL_KNOWN = '/.well-known/openid-configuration';
const metadata = (members) => ({ metadata: (honest) => ({ ...honest, ...members }) });
const instead = (place, answer) => ({ instead: { [place]: answer } });

/** A response that hides a header. */
const refusing = (headers) => (response, tell) => {
  for (const name of headers) response.removeHeader(name);
  return tell();
};

story(
  'a provider that is wrong in one place: each fault is named with its repair',
  { ...EVERYWHERE, provider: startHostile },
  async (stage) => {
    const { provider, site } = stage;
    const { issuer } = provider;
    const api = [`${issuer}/api/1/me`];
    const rows = [
      [
        instead('/token', answers.closed),
        'cors.token',
        'error',
        new RegExp(`Access-Control-Allow-Origin: ${site.origin}.*allowed web origins`),
      ],
      [instead('/jwks', answers.drop), 'cors.jwks', 'error', /does not answer/],
      [instead('/revoke', answers.closed), 'cors.revocation', 'warning', /no page can read/],
      [instead('/token', answers.status(404)), 'cors.token', 'error', /status 404/],
      [
        instead('/token', answers.status(401, '{"error":"invalid_client"}')),
        'client_authentication',
        'error',
        /needs a secret.*relay/,
      ],
      [instead(WELL_KNOWN, answers.closed), 'discovery.address', 'warning', /no page can read/],
      [instead(WELL_KNOWN, answers.closed), 'discovery', 'error', /`server`/],
      [instead(WELL_KNOWN, answers.redirect(302, `${issuer}/elsewhere`)), 'discovery.address', 'warning', /redirect/],
      [
        instead(WELL_KNOWN, answers.status(200, HTML.text, 'text/html')),
        'discovery.address',
        'warning',
        /not JSON but text\/html.*\.well-known/,
      ],
      [metadata({ issuer: `${issuer}/` }), 'issuer_match', 'error', /only a slash differs.*Set `issuer:/],
      [metadata({ issuer: 'https://other.test' }), 'issuer_match', 'error', /other\.test/],
      [metadata({ code_challenge_methods_supported: ['plain'] }), 'pkce', 'error', /without `S256`.*Turn PKCE/],
      [metadata({ code_challenge_methods_supported: undefined }), 'pkce', 'unknown', /do not say/],
      [metadata({ response_types_supported: ['token'] }), 'metadata', 'error', /`code`/],
      [metadata({ token_endpoint: undefined }), 'metadata', 'error', /`token_endpoint`/],
      [metadata({ token_endpoint: 'http://as.test/token' }), 'metadata', 'error', /as\.test.*https/],
      [metadata({ id_token_signing_alg_values_supported: ['HS256'] }), 'id_token', 'error', /HS256/],
      [metadata({ grant_types_supported: ['authorization_code'] }), 'refresh', 'warning', /refresh_token/],
      [metadata({ scopes_supported: ['openid', 'offline_access'] }), 'refresh', 'warning', /Add `offline_access`/],
      [metadata({ prompt_values_supported: ['login'] }), 'restore', 'warning', /restore: 'vault'/],
      [
        metadata({ token_endpoint_auth_methods_supported: ['client_secret_post'] }),
        'client_authentication',
        'warning',
        /relay/,
      ],
      [metadata({ revocation_endpoint: undefined }), 'revocation', 'warning', /revocation_endpoint/],
      [metadata({}), 'sign_out', 'warning', /end_session_endpoint/],
      [metadata({ dpop_signing_alg_values_supported: ['PS512'] }), 'dpop', 'error', /ES256/],
      [
        metadata({ dpop_signing_alg_values_supported: ['ES256'] }),
        'cors.token',
        'error',
        /may not send `dpop`.*Allow-Headers: dpop/,
      ],
      [
        metadata({ require_pushed_authorization_requests: true }),
        'par',
        'error',
        /pushed_authorization_request_endpoint/,
      ],
      [
        instead('/api/me', refusing(['access-control-expose-headers'])),
        'headers.www_authenticate',
        'warning',
        /Expose-Headers/,
      ],
    ];
    for (const [change, check, level, pattern] of rows) {
      provider.change = change;
      found(await diagnosis(stage, { api }), check, level, pattern);
    }
    assert.equal(provider.count('/authorize'), 0);
  },
);

story('options and addresses that are wrong', OPEN, async (stage) => {
  const rows = [
    [{ clientId: 7 }, 'client', 'error', /config_error.*clientId|clientId.*config_error/],
    [{ issuer: 7, scope: 7, api: 'x', timeout: 'x', server: undefined }, 'issuer', 'error', /7 is not a URL/],
    [{ tokens: 'page' }, 'csp.page', 'error', /wasm-unsafe-eval/],
    [{ redirectUri: 'https://' }, 'redirect_uri', 'error', /not a URL/],
    [{ workerUrl: 'http://' }, 'client', 'error', /cannot prepare/],
    [{ redirectUri: '/www/#/callback' }, 'redirect_uri', 'error', /fragment/],
    [{ redirectUri: 'https://elsewhere.test/' }, 'redirect_uri', 'error', /not on the page’s origin/],
    [{ redirectUri: 'http://app.test/' }, 'redirect_uri', 'error', /neither https/],
    [{ redirectUri: '/nowhere' }, 'redirect_uri', 'error', /status 404/],
    [{ redirectUri: '/' }, 'redirect_uri', 'error', /sends the redirect page.*\/www\//],
    [
      { issuer: `${stage.provider.issuer}/.well-known/openid-configuration` },
      'issuer',
      'error',
      /Write http:\/\/localhost:\d+$/,
    ],
    [{ allowLoopbackHttp: false }, 'issuer', 'error', /allowLoopbackHttp: true/],
    [{ issuer: 'http://as.test' }, 'issuer', 'error', /not https/],
    [
      { workerUrl: 'https://elsewhere.test/worker.js' },
      'worker_file',
      'error',
      /not on the page’s origin.*npx valet-key copy/,
    ],
  ];
  for (const [options, check, level, pattern] of rows) found(await diagnosis(stage, options), check, level, pattern);
});

story('a guard: its file of options, and its redirect page', { ...OPEN, guard: {} }, async (stage) => {
  const { settings } = stage.site;
  const findings = await diagnosis(stage);
  assert.deepEqual(brief(findings, 'error'), []);
  found(findings, 'guard', 'ok', /sealed/);
  found(findings, 'worker_file', 'ok', /pkg\/guard\/worker\.js/);
  found(findings, 'wasm_file', 'ok', /./);
  settings.policies.callback = "default-src 'none'";
  found(await diagnosis(stage), 'guard', 'error', /Serve .*sandbox/);
  settings.pinned = null;
  found(await diagnosis(stage), 'guard', 'error', /options\.json cannot be read: status 404.*valet-key copy/);
});

/** What the site of a page does, and what is found. */
const SITES = [
  [
    'a missing worker',
    { scripts: { '/pkg/wasm/worker.js': null } },
    'worker_file',
    'error',
    /status 404.*npx valet-key copy/,
  ],
  ['HTML in place of the worker', { scripts: { '/pkg/wasm/worker.js': HTML } }, 'worker_file', 'error', /HTML page/],
  [
    'a worker served as text',
    { scripts: { '/pkg/wasm/worker.js': { text: WORKER, type: 'text/plain' } } },
    'worker_file',
    'error',
    /text\/plain/,
  ],
  [
    'a worker of another version',
    { scripts: { '/pkg/wasm/worker.js': WORKER.replace('"0.1.0"', '"0.0.9"') } },
    'worker_file',
    'error',
    /version 0\.0\.9.*0\.1\.0/,
  ],
  [
    'a foreign worker',
    { scripts: { '/pkg/wasm/worker.js': 'onmessage = null;' } },
    'worker_file',
    'error',
    /not the worker/,
  ],
  ['a missing module', { scripts: { '/pkg/wasm/valet_key.wasm': null } }, 'wasm_file', 'error', /status 404/],
  ['HTML in place of the module', { scripts: { '/pkg/wasm/valet_key.wasm': HTML } }, 'wasm_file', 'error', /HTML page/],
  [
    'a module of another release',
    { scripts: { '/pkg/wasm/valet_key.wasm': { text: '\0asm\x01\0\0\0', type: 'application/wasm' } } },
    'wasm_file',
    'error',
    /not built with this/,
  ],
  [
    'a module served as text',
    { scripts: { '/pkg/wasm/valet_key.wasm': { text: MODULE, type: 'text/plain' } } },
    'wasm_file',
    'warning',
    /application\/wasm/,
  ],
  [
    'a policy that forbids the worker',
    { policies: { page: MAY_ASK.replace("worker-src 'self'", "worker-src 'none'") } },
    'csp.page',
    'error',
    /worker-src/,
  ],
  [
    'a policy of the worker without WebAssembly',
    { policies: { page: MAY_ASK, worker: "default-src 'none'; script-src 'self'; connect-src *" } },
    'csp.worker',
    'error',
    /wasm-unsafe-eval/,
  ],
  [
    'a policy of the worker without the provider',
    { policies: { page: MAY_ASK, worker: "script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'" } },
    'csp.worker',
    'error',
    /connect-src/,
  ],
  [
    'Trusted Types without the policy of this package',
    { policies: { page: `${MAY_ASK}; trusted-types app` } },
    'csp.page',
    'error',
    /Add `valet-key`/,
  ],
  [
    'a clock that is ten minutes off',
    { headers: { date: new Date(Date.now() - 600_000).toUTCString() } },
    'clock',
    'error',
    /differs by \d+ seconds/,
  ],
  ['a page without a policy', { policies: { page: '' } }, 'csp.page', 'warning', /no Content-Security-Policy/],
  [
    'a policy that forbids the hidden frame of a silent sign-in',
    { policies: { page: `${MAY_ASK}; frame-src 'none'` } },
    'csp.page',
    'warning',
    /frame-src/,
  ],
  [
    'a page that is isolated',
    { headers: { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' } },
    'coep',
    'warning',
    /hidden frame/,
  ],
];

for (const [name, { scripts, ...options }, check, level, pattern] of SITES) {
  story(
    `the doctor finds ${name}`,
    { ...OPEN, ...options, scripts: { ...DOCTOR.scripts, ...scripts }, everyEngine: Boolean(options.policies) },
    async (stage) => {
      const findings = await diagnosis(stage);
      found(findings, check, level, pattern);
      if (check === 'coep') found(findings, 'coop', 'ok', /cuts popups off/);
    },
  );
}
