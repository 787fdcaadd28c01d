/** The session of the kit's client, in the shape of a real one. */

/** @typedef {import('../index.d.ts').Session} Session */

/** How long an access token is said to be valid, in seconds. */
const LIFETIME = 300;

/**
 * @param {Record<string, unknown>} claims @param {import('./index.d.ts').TestClientOptions} options
 * @param {string} [more] scope in addition to that of the options
 * @returns {Session}
 */
export function sessionOf(claims, { scope = 'openid profile', issuer = 'https://id.example.com' }, more = '') {
  const sub = typeof claims.sub === 'string' ? claims.sub : 'test-user';
  const iat = Math.floor(Date.now() / 1000);
  const authTime = typeof claims.auth_time === 'number' ? claims.auth_time : iat;
  const ofToken = { iss: issuer, aud: 'test', iat, exp: iat + LIFETIME, auth_time: authTime };
  return renewed(
    frozen({
      sub,
      claims: { ...ofToken, ...structuredClone(claims), sub },
      scope: [...new Set(`${scope} ${more}`.split(' '))].filter(Boolean).join(' '),
      expiresAt: 0,
      authTime,
      issuer,
    }),
  );
}

/** The session of a client without a user. @param {import('./index.d.ts').TestClientOptions} options */
export const machineSession = (options) => frozen({ ...sessionOf({}, options), sub: '', claims: {}, authTime: null });

/** The same session with a new access token. @param {Session} session @returns {Session} */
export const renewed = (session) => Object.freeze({ ...session, expiresAt: Date.now() + LIFETIME * 1000 });

/** The claims of a session, without those of the ID Token itself. @param {Session} session */
export function claimsOfUser({ claims: { iss, aud, iat, exp, auth_time, ...claims } }) {
  return claims;
}

/** @template T @param {T} value @returns {T} */
function frozen(value) {
  if (value && typeof value === 'object') {
    Object.freeze(value);
    for (const one of Object.values(value)) frozen(one);
  }
  return value;
}
