/** Providers that people use, with the form of their issuer and what has to be set there: a short form of docs/providers.md. */

/**
 * @typedef {object} Profile
 * @property {string} name
 * @property {string} issuer with capital letters where the user has a name of their own
 * @property {string} scope
 * @property {string} setting what to set at the provider
 */

/** @type {Profile[]} */
export const PROFILES = [
  {
    name: 'Keycloak',
    issuer: 'https://HOST/realms/REALM',
    scope: 'openid profile',
    setting: 'An OpenID Connect client without client authentication. In `Web origins`, write `+`.',
  },
  {
    name: 'Microsoft Entra ID',
    issuer: 'https://login.microsoftonline.com/TENANT-ID/v2.0',
    scope: 'openid profile offline_access',
    setting:
      'The redirect address with the platform `Single-page application`. `common` in place of the tenant does not work.',
  },
  {
    name: 'Auth0',
    issuer: 'https://TENANT.auth0.com/',
    scope: 'openid profile offline_access',
    setting: 'A `Single Page Application` with `Allowed Web Origins`, and `Refresh Token Rotation` switched on.',
  },
  {
    name: 'Okta',
    issuer: 'https://DOMAIN/oauth2/default',
    scope: 'openid profile offline_access',
    setting:
      'A `Single-Page Application` with the grant type `Refresh Token`, and this origin among the `Trusted Origins`.',
  },
  {
    name: 'Amazon Cognito',
    issuer: 'https://cognito-idp.REGION.amazonaws.com/POOL-ID',
    scope: 'openid profile',
    setting: 'An app client without a secret, with the authorization code grant.',
  },
  {
    name: 'Zitadel',
    issuer: 'https://HOST',
    scope: 'openid profile offline_access',
    setting: 'An application of the type `User Agent`, with refresh tokens switched on.',
  },
  {
    name: 'authentik',
    issuer: 'https://HOST/application/o/SLUG/',
    scope: 'openid profile offline_access',
    setting: 'A provider of the type `Public`, with a scope mapping for `offline_access`.',
  },
  {
    name: 'Ory',
    issuer: 'https://HOST',
    scope: 'openid profile offline_access',
    setting: 'A client with the method `none`, `allowed_cors_origins`, and CORS switched on for the server.',
  },
];

/** The names that the user has to fill in. @param {string} issuer */
export const blanksOf = (issuer) =>
  issuer.match(/\b(?:HOST|REALM|TENANT|TENANT-ID|DOMAIN|REGION|POOL-ID|SLUG)\b(?!-)/g) ?? [];
