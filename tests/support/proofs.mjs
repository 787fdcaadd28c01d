/** Proofs of possession (RFC 9449) as an API checks them, with the library `jose`. */
import { createHash } from 'node:crypto';
import { EmbeddedJWK, calculateJwkThumbprint, decodeJwt, jwtVerify } from 'jose';

/** The age of a proof without a nonce, in seconds. */
const AGE = 60;

/** The claims of the proof of a request, unchecked. @param {import('node:http').IncomingMessage} request */
export const claimsOf = ({ headers }) => ({ ...decodeJwt(`${headers.dpop}`), proof: headers.dpop });

/**
 * Says what is wrong with the proof of a request, as an error code of RFC 9449 §7.1; `undefined` if nothing is.
 *
 * @param {import('node:http').IncomingMessage} request
 * @param {object} expected
 * @param {string} expected.token the access token in the request
 * @param {string} [expected.key] the thumbprint of the key that the token is bound to
 * @param {string} expected.nonce empty for none
 * @param {Set<string>} expected.seen the names of all proofs so far
 * @param {string} expected.at the origin of this server
 */
export async function flawOf(request, { token, key, nonce, seen, at }) {
  const { dpop: proof, authorization } = request.headers;
  if (!key || !/^DPoP /i.test(authorization ?? '') || typeof proof !== 'string') return 'invalid_token';
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ['ES256'],
      ...(!nonce && { maxTokenAge: AGE, clockTolerance: AGE }),
    });
    if (nonce && payload.nonce !== nonce) return 'use_dpop_nonce';
    const expected = {
      htm: request.method,
      htu: at + new URL(request.url ?? '', at).pathname,
      ath: createHash('sha256').update(token).digest('base64url'),
    };
    const isRight = Object.entries(expected).every(([name, value]) => payload[name] === value);
    const isNew = typeof payload.jti === 'string' && !seen.has(payload.jti);
    seen.add(`${payload.jti}`);
    const thumbprint = await calculateJwkThumbprint(/** @type {import('jose').JWK} */ (protectedHeader.jwk));
    return isRight && isNew && thumbprint === key ? undefined : 'invalid_dpop_proof';
  } catch {
    return 'invalid_dpop_proof';
  }
}
