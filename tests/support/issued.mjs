/**
 * Every secret that went through a provider, so that a test can look for it where it must not be.
 *
 * Filled from what was really sent and received: issued tokens and codes from the answers, verifiers and states from
 * the requests.
 */
export class Issued {
  accessTokens = new Set();
  refreshTokens = new Set();
  idTokens = new Set();
  codes = new Set();
  verifiers = new Set();
  states = new Set();
  nonces = new Set();
  /** The parameters of each authorization request. */
  authorizations = [];

  /** What no script of the page may ever see, as `[label, value]`. */
  secrets() {
    return [
      ...label('access token', this.accessTokens),
      ...label('refresh token', this.refreshTokens),
      ...label('ID token', this.idTokens),
      ...label('code verifier', this.verifiers),
    ];
  }

  /** The last access token, for a test that looks at it from the API's side. */
  get accessToken() {
    return [...this.accessTokens].at(-1);
  }

  get refreshToken() {
    return [...this.refreshTokens].at(-1);
  }

  /** A middleware of oidc-provider that writes down what passes. */
  get middleware() {
    return async (context, next) => {
      await next();
      if (!context.oidc) return;
      const { query, body } = context;
      const params = context.oidc.params ?? {};
      if (context.path === '/auth') this.authorizations.push({ ...query });
      add(this.states, query.state);
      add(this.nonces, query.nonce);
      add(this.verifiers, params.code_verifier);
      if (context.path === '/token' && body) {
        add(this.accessTokens, body.access_token);
        add(this.refreshTokens, body.refresh_token);
        add(this.idTokens, body.id_token);
      }
      const location = context.response.get('location');
      if (location) add(this.codes, new URL(location, 'http://loopback').searchParams.get('code'));
    };
  }
}

function add(set, value) {
  if (typeof value === 'string' && value) set.add(value);
}

function label(name, set) {
  return [...set].map((value) => [name, value]);
}
