/** The demonstration: a provider, an API and the page, on loopback, until Ctrl-C. */
import { startApi } from './api.mjs';
import { portNear } from './loopback.mjs';
import { startProvider } from './provider.mjs';
import { startSite } from './site.mjs';
import { PASSWORD, USERS } from './users.mjs';

const ports = { provider: 9000, api: 9001, site: 5173 };
for (const [name, wanted] of Object.entries(ports)) {
  ports[name] = await portNear(wanted);
  if (ports[name] !== wanted) console.log(`Port ${wanted} is taken, so the ${name} listens on ${ports[name]}.`);
}

// The user can enter any provider, so the worker may call any server.
const site = await startSite({ port: ports.site, connect: ['https:', 'http://localhost:*', 'http://127.0.0.1:*'] });
const origins = [site.origin];
const redirectPath = '/pkg/guard/callback.html';
const provider = await startProvider({ port: ports.provider, origins, redirectPath, accessTokenSeconds: 120 });
const api = await startApi({ port: ports.api, provider, origins });
const client = { issuer: provider.issuer, clientId: 'demo', api: [api.url], allowLoopbackHttp: true };
site.settings.config = { ...client, guard: '/pkg/guard/' };
site.settings.pinned = { ...client, scope: 'openid profile email photos notes:read notes:write offline_access' };

console.log(`
  Valet Key, the demo

  Open        ${site.url}
  Sign in as  ${Object.keys(USERS).join(' or ')}, password ${PASSWORD}

  Provider    ${provider.issuer}
  API         ${api.url}

  Ctrl-C ends it.
`);

let ending = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    if (ending) return;
    ending = true;
    await Promise.all([provider.close(), api.close(), site.close()]);
    process.exit(0);
  });
}
