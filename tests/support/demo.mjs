/** The demonstration: a provider, an API and the page, on loopback, until Ctrl-C. */
import { startApi } from './api.mjs';
import { portNear } from './loopback.mjs';
import { PAGE_CLIENT, UNGUARDED_CLIENT, startProvider } from './provider.mjs';
import { startServices } from './services.mjs';
import { startSite } from './site.mjs';
import { PASSWORD, USERS } from './users.mjs';

const ports = {
  provider: 9000,
  api: 9001,
  site: 5173,
  'provider of Finch': 9010,
  'API of Finch': 9011,
  'provider of Lantern': 9020,
  'API of Lantern': 9021,
};
for (const [name, wanted] of Object.entries(ports)) {
  ports[name] = await portNear(wanted);
  if (ports[name] !== wanted) console.log(`Port ${wanted} is taken, so the ${name} listens on ${ports[name]}.`);
}

// The user can enter any provider, so the worker may call any server.
const site = await startSite({
  port: ports.site,
  connect: ['https:', 'http://localhost:*', 'http://127.0.0.1:*'],
  trustedTypes: true,
});
const origins = [site.origin];
const redirectPath = '/pkg/guard/callback.html';
const provider = await startProvider({ port: ports.provider, origins, redirectPath, accessTokenSeconds: 120 });
const api = await startApi({ port: ports.api, provider, origins });
const servicePorts = Object.values(ports).slice(3);
const { services, config: ofServices, close } = await startServices({ origins, ports: servicePorts });
const client = { issuer: provider.issuer, clientId: 'demo', api: [api.url], allowLoopbackHttp: true };
site.settings.config = {
  ...client,
  guard: '/pkg/guard/',
  services: ofServices,
  page: { clientId: PAGE_CLIENT },
  unguarded: { clientId: UNGUARDED_CLIENT },
};
// What an administrator does at the provider, once.
site.settings.registerKey = (jwk) => provider.registerKey('job', jwk);
site.settings.pinned = { ...client, scope: 'openid profile email photos notes:read notes:write offline_access' };

console.log(`
  Valet Key, the demo

  Open        ${site.url}
  Sign in as  ${Object.keys(USERS).join(' or ')}, password ${PASSWORD}

  Provider    ${provider.issuer}
  API         ${api.url}
  Services    ${services.map(({ name, provider: { issuer } }) => `${name} ${issuer}`).join(', ')}

  Ctrl-C ends it.
`);

let ending = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    if (ending) return;
    ending = true;
    await Promise.all([provider.close(), api.close(), site.close(), close()]);
    process.exit(0);
  });
}
