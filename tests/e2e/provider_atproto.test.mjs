/** Bluesky’s personal data server, a provider that demands DPoP, nonces and pushed requests, and knows clients by URLs. */
import assert from 'node:assert/strict';
import { By, until } from 'selenium-webdriver';
import { Endpoints } from '../support/endpoints.mjs';
import { portNear } from '../support/loopback.mjs';
import { OPEN, codeOf } from '../support/open_app.mjs';
import { isChosen } from '../support/other_providers.mjs';
import { startProgram } from '../support/program.mjs';
import { startRecorder } from '../support/recorder.mjs';
import { story } from '../support/stage.mjs';
import { PASSWORD } from '../support/users.mjs';

const SCOPE = 'atproto transition:generic';

const endpoints = new Endpoints({
  discovery: ['/.well-known/oauth-authorization-server'],
  authorization: ['/oauth/authorize'],
  token: ['/oauth/token'],
  pushed: ['/oauth/par'],
  revocation: ['/oauth/revoke'],
});

async function startServer() {
  const port = await portNear();
  const server = await startProgram([process.execPath, 'atproto/server.mjs'], {
    port,
    user: 'alice',
    password: PASSWORD,
  });
  const recorder = await startRecorder({ port, behind: server.port, endpoints });
  return {
    issuer: `http://localhost:${port}`,
    issued: recorder.issued,
    requests: recorder.requests,
    introspect: async () => null,
    count: (endpoint) => endpoints.count(recorder.requests, endpoint),
    close: () => Promise.all([recorder.close(), server.close()]),
  };
}

/** Clicks or fills the first element of the server's own pages that fits. */
async function element({ page }, css) {
  const found = await page.driver.wait(until.elementLocated(By.css(css)), 20_000);
  await page.driver.wait(until.elementIsVisible(found), 20_000);
  return found;
}

const atProvider = isChosen('atproto') ? story : () => {};

atProvider(
  'DPOP-60 P0: a user of Bluesky’s server signs in, calls its API, renews and signs out',
  { ...OPEN, provider: startServer, host: '127.0.0.1', needs: 'secureCookies' },
  async (stage) => {
    const { page, provider, site } = stage;
    const metadata = new URLSearchParams({ redirect_uri: site.url, scope: SCOPE });
    Object.assign(site.settings.config, {
      clientId: `http://localhost/?${metadata}`,
      openid: false,
      scope: SCOPE,
      api: [`${provider.issuer}/xrpc/app.bsky.actor.getPreferences`],
    });
    await stage.visit();
    await page.run(`async () => void make({ scope: '${SCOPE}' }).signIn({ loginHint: 'alice.test' })`);
    await (await element(stage, '[name=password]')).sendKeys(PASSWORD);
    await (await element(stage, '[type=submit]')).click();
    await page.see(/Authorize|Signed in/);
    await (await element(stage, '[type=submit]')).click();
    await page.see('Signed in as');
    // `com.atproto.server.getSession` would send the access token back: such an endpoint is not for the list.
    const api = `${provider.issuer}/xrpc/app.bsky.actor.getPreferences`;
    assert.equal((await fetch(api)).status, 401, 'it needs a token');
    assert.equal(await codeOf(stage, `'${api}'`), '200');
    await page.run('async () => void (await client.refresh())');
    assert.equal(await codeOf(stage, `'${api}'`), '200');
    assert.deepEqual([provider.issued.accessTokens.size, provider.issued.refreshTokens.size], [2, 2]);
    const [first] = provider.issued.accessTokens;
    for (const scheme of ['DPoP', 'Bearer']) {
      const copied = await fetch(api, { headers: { authorization: `${scheme} ${first}` } });
      assert.ok([400, 401].includes(copied.status), 'a copied token is of no use');
    }
    await page.run('async () => client.signOut({ everywhere: false })');
    await page.until('the tokens are revoked', () => provider.count('revocation') > 0);
  },
);
