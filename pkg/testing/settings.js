/** The options of the test provider with their defaults. A test may change them at any time. */

/** @typedef {ReturnType<typeof settingsOf>} Settings */

/** @param {import('./index.d.ts').TestProviderOptions} options */
export const settingsOf = ({
  issuer,
  interactive = false,
  clientIds,
  redirectUris,
  origins = [],
  audience = `${issuer}/api/`,
  refreshTokens = true,
  accessTokenSeconds = 300,
  refreshTokenSeconds = 86_400,
  sessionSeconds = 86_400,
  metadata = {},
}) => ({
  ...{ interactive, clientIds, redirectUris, origins, audience, refreshTokens, metadata },
  ...{ accessTokenSeconds, refreshTokenSeconds, sessionSeconds, codeSeconds: 60, idTokenSeconds: 300 },
});
