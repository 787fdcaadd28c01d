/**
 * Every secret that passed through a provider, so that a test can search for it where it must not be.
 *
 * The secrets come from real traffic: tokens and codes from responses, verifiers and states from requests.
 */
export class Issued {
  accessTokens = new Set();
  refreshTokens = new Set();
  deviceCodes = new Set();
  idTokens = new Set();
  codes = new Set();
  verifiers = new Set();
  states = new Set();
  nonces = new Set();
  /** The parameters of each authorization request. */
  authorizations = [];
  /** The parameters of each pushed request. */
  pushed = [];
  /** What pages have signed for a client with a key: header and claims of its assertions, also as base64. */
  signed = [];
  /** The forms of the requests with a device code. */
  polls = [];
  /** Of each token request that was granted: the grant type, and what the token is for. */
  granted = [];
  /** The time of the last access token, in milliseconds since 1970. */
  lastAt = 0;

  /** The secrets that no script of the page may see, as `[label, value]`. */
  secrets() {
    return [
      ...label('access token', this.accessTokens),
      ...label('refresh token', this.refreshTokens),
      ...label('ID token', this.idTokens),
      ...label('device code', this.deviceCodes),
      ...label('code verifier', this.verifiers),
    ];
  }

  /** The last access token, for a test of the API's side. */
  get accessToken() {
    return [...this.accessTokens].at(-1);
  }

  get refreshToken() {
    return [...this.refreshTokens].at(-1);
  }

  /**
   * Records the secrets of a request and its response.
   *
   * @param {object} passed
   * @param {string} [passed.endpoint] only requests at `authorization` and responses at `token` are recorded as such
   * @param {Record<string, string>} passed.query
   * @param {Record<string, string>} passed.form
   * @param {Record<string, string>} [passed.answer]
   * @param {string} [passed.location] the target of a redirect
   */
  note({ endpoint, query, form, answer, location }) {
    if (endpoint === 'authorization') this.authorizations.push({ ...query });
    if (endpoint === 'pushed') this.pushed.push({ ...form });
    if (form.client_assertion) {
      const signed = form.client_assertion.replace(/\.[^.]*$/, '');
      this.signed.push(signed, Buffer.from(signed).toString('base64').slice(0, -4));
    }
    if (form.device_code) this.polls.push({ ...form });
    add(this.states, query.state);
    add(this.nonces, query.nonce);
    add(this.verifiers, form.code_verifier);
    if (endpoint === 'token' && answer) {
      add(this.accessTokens, answer.access_token);
      this.lastAt = Date.now();
      const { grant_type: type, resource, scope } = form;
      if (answer.access_token) this.granted.push({ type, resource, scope });
      add(this.refreshTokens, answer.refresh_token);
      add(this.idTokens, answer.id_token);
    }
    if (endpoint === 'device' && answer) add(this.deviceCodes, answer.device_code);
    if (location) add(this.codes, new URL(location, 'http://loopback').searchParams.get('code'));
  }
}

function add(set, value) {
  if (typeof value === 'string' && value) set.add(value);
}

function label(name, set) {
  return [...set].map((value) => [name, value]);
}
