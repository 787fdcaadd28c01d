/** The token endpoint (RFC 6749 §3.2): codes, refresh tokens and device codes become tokens. */

import { encode, random, sha256 } from './base64url.js';
import { json, refusal } from './responses.js';
import { claimsOf } from './users.js';

/** @typedef {import('./provider.js').Parts} Parts */
/** @typedef {import('./grants.js').Grant} Grant */

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

/**
 * By grant type: the grant that a request proves, or the error.
 * @type {Record<string, (parts: Parts, form: URLSearchParams) => Promise<Proved>>}
 */
const GRANTS = {
  authorization_code: byCode,
  refresh_token: byRefreshToken,
  [DEVICE_CODE]: byDeviceCode,
};

/** @param {Parts} parts @param {URLSearchParams} form @returns {Promise<Response>} */
export async function issueTokens(parts, form) {
  const prove = GRANTS[form.get('grant_type') ?? ''];
  if (!prove)
    return refusal('unsupported_grant_type', 'The test provider knows codes, refresh tokens and device codes.');
  const proved = await prove(parts, form);
  if ('error' in proved) return refusal(proved.error, proved.description);
  const { grant } = proved;
  if (grant.clientId !== form.get('client_id')) return refusal('invalid_grant', 'Another client has this grant.');
  const scope = form.get('scope') ?? grant.scope;
  if (scope.split(' ').some((one) => one && !grant.scope.split(' ').includes(one)))
    return refusal('invalid_scope', 'The user has not granted this scope.');

  const accessToken = await issueAccessToken(parts, grant, scope, form.get('resource') ?? undefined);
  return json({
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: parts.settings.accessTokenSeconds,
    scope,
    ...(parts.settings.refreshTokens && { refresh_token: parts.grants.addRefreshToken(grant) }),
    ...(grant.scope.split(' ').includes('openid') && { id_token: await issueIdToken(parts, grant, accessToken) }),
  });
}

/** An access token as a JWT (RFC 9068). @param {Parts} parts @param {Grant} grant @param {string} scope @param {string} [aud] */
export async function issueAccessToken(
  { issuer, keys, grants, clock, settings },
  grant,
  scope,
  aud = settings.audience,
) {
  const { sub, clientId: client_id } = grant;
  const iat = clock.now();
  const exp = iat + settings.accessTokenSeconds;
  const token = await keys.sign('at+jwt', { iss: issuer, sub, aud, client_id, scope, iat, exp, jti: random(9) });
  grants.addAccessToken(token, { grant, scope, aud, iat, exp });
  return token;
}

/** @param {Parts} parts @param {Grant} grant @param {string} accessToken */
async function issueIdToken({ issuer, keys, clock, users, settings }, grant, accessToken) {
  const iat = clock.now();
  const half = (await sha256(accessToken)).slice(0, 16);
  return keys.sign('JWT', {
    iss: issuer,
    acr: grant.acr,
    ...claimsOf(users.get(grant.sub), grant.scope, grant.asked.id_token ?? {}),
    aud: grant.clientId,
    sid: grant.sid,
    iat,
    exp: iat + settings.idTokenSeconds,
    auth_time: clock.timeOf(grant.loginMark),
    nonce: grant.nonce,
    at_hash: encode(half),
  });
}

/** @typedef {{ grant: Grant } | { error: string, description: string }} Proved */

/** @param {Parts} parts @param {URLSearchParams} form @returns {Promise<Proved>} */
async function byCode({ grants }, form) {
  const code = grants.useCode(form.get('code') ?? '');
  if (!code) return invalid('The code is unknown, used or expired.');
  if (code.redirectUri !== form.get('redirect_uri'))
    return invalid('redirect_uri is not that of the authorization request.');
  if (encode(await sha256(form.get('code_verifier') ?? '')) !== code.challenge)
    return invalid('code_verifier does not match code_challenge (RFC 7636 §4.6).');
  return code;
}

/** @param {Parts} parts @param {URLSearchParams} form @returns {Promise<Proved>} */
async function byRefreshToken({ grants }, form) {
  const found = grants.useRefreshToken(form.get('refresh_token') ?? '');
  return found ?? invalid('The refresh token is unknown, used, revoked or expired.');
}

/** @param {Parts} parts @param {URLSearchParams} form @returns {Promise<Proved>} */
async function byDeviceCode({ devices }, form) {
  return devices.redeem(form.get('device_code') ?? '');
}

/** @param {string} description */
const invalid = (description) => ({ error: 'invalid_grant', description });
