/** Proofs of possession (RFC 9449) as an API checks them, with the library `jose`. */
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { EmbeddedJWK, calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';

/** The age of a proof without a nonce, in seconds. */
const AGE = 60;

/**
 * The claims of the proof of a request, unchecked, with its algorithm and its text.
 * @param {import('node:http').IncomingMessage} request
 */
export function claimsOf({ headers }) {
  const proof = `${headers.dpop}`;
  return { ...decodeJwt(proof), alg: decodeProtectedHeader(proof).alg, proof };
}

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
      algorithms: ['ES256', 'Ed25519', 'EdDSA'],
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

/**
 * What another client may try with a token and a proof of the network log: the headers of a request, by what they are.
 * @param {string} url of the API @param {string} token @param {string} proof
 */
export function theft(url, token, proof) {
  return {
    'as it is': { authorization: `Bearer ${token}` },
    'without a proof': { authorization: `DPoP ${token}` },
    'with a proof of another key': { authorization: `DPoP ${token}`, dpop: ownProof(url, token) },
    'with the proof of the log': { authorization: `DPoP ${token}`, dpop: proof },
  };
}

/** The proof of a client with a token of the log and a key of its own. */
function ownProof(url, token) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  const claims = {
    htm: 'GET',
    htu: url,
    iat: Math.floor(Date.now() / 1000),
    jti: randomUUID(),
    ath: createHash('sha256').update(token).digest('base64url'),
  };
  const input = `${part({ typ: 'dpop+jwt', alg: 'ES256', jwk: { crv, kty, x, y } })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}
