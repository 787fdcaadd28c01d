/**
 * The page's part of `trace`, which only pages that listen load: it says who takes part in each step that the vault tells, and
 * which section defines the step. The vault has left the secrets out, see `src/protocol/trace.rs`.
 */

/** @typedef {import('./index.d.ts').ProtocolStep} ProtocolStep */

const SERVER = 'authorization_server';
const API = 'resource_server';

/**
 * By step: the section that defines the request, the section that defines the response, and with whom the client exchanges them.
 * @type {Record<ProtocolStep['step'], [string, string, ('authorization_server' | 'resource_server' | 'client')?]>}
 */
const STEPS = {
  metadata: ['RFC 8414 §3.1', 'RFC 8414 §3.2'],
  keys: ['RFC 8414 §2', 'RFC 7517 §5'],
  resource_metadata: ['RFC 9728 §3.1', 'RFC 9728 §3.2', API],
  registration: ['RFC 7591 §3.1', 'RFC 7591 §3.2'],
  pushed_authorization: ['RFC 9126 §2.1', 'RFC 9126 §2.2'],
  authorization: ['RFC 6749 §4.1.1', 'RFC 6749 §4.1.2'],
  device_authorization: ['RFC 8628 §3.1', 'RFC 8628 §3.2'],
  token: ['RFC 6749 §4.1.3', 'RFC 6749 §5'],
  id_token: ['OpenID Connect Core §3.1.3.7', 'OpenID Connect Core §3.1.3.7', 'client'],
  api: ['RFC 6750 §2.1', 'RFC 6750 §3', API],
  socket: ['RFC 6750 §2', 'RFC 6750 §2', API],
  userinfo: ['OpenID Connect Core §5.3.1', 'OpenID Connect Core §5.3.2'],
  revocation: ['RFC 7009 §2.1', 'RFC 7009 §2.2'],
  end_session: ['OpenID Connect RP-Initiated Logout §2', 'OpenID Connect RP-Initiated Logout §3'],
};

/** The section of a token request, by its grant. @type {Record<string, string>} */
const GRANTS = {
  refresh_token: 'RFC 6749 §6',
  client_credentials: 'RFC 6749 §4.4.2',
  'urn:ietf:params:oauth:grant-type:device_code': 'RFC 8628 §3.4',
};

/** The step that only the page meets: the user comes back from a sign-out at the provider. */
const SIGNED_OUT = '{"step":"end_session","message":"response","outcome":"ok","parameters":{"state":null}}';

/** @param {string} [text] of a step, from the vault @returns {ProtocolStep} */
export function stepFrom(text = SIGNED_OUT) {
  const { time = Date.now(), exchange = time, ...told } = JSON.parse(text);
  const { step, message, outcome, duration, method, url, status, reason, parameters } = told;
  const [ofRequest, ofResponse, other = SERVER] = STEPS[/** @type {ProtocolStep['step']} */ (step)];
  const isResponse = message === 'response';
  /** @type {import('./index.d.ts').Role[]} */
  const [from, to] = isResponse ? [other, 'client'] : ['client', other];
  const isBound = step === 'api' && 'dpop' in parameters;
  const spec = isResponse ? ofResponse : isBound ? 'RFC 9449 §7.1' : (GRANTS[parameters.grant_type ?? ''] ?? ofRequest);
  const navigates = step === 'authorization' || step === 'end_session';
  const known = Object.fromEntries(Object.entries({ method, url, status, reason }).filter(([, value]) => value));
  return {
    step,
    message,
    from,
    to,
    navigates,
    exchange,
    time,
    duration: duration ?? undefined,
    outcome,
    ...known,
    parameters,
    spec,
  };
}
