/** The client of the apps with a framework. It counts its starts, since a page has to start it once. */
import { createClient } from 'valet-key';

const { issuer, api } = document.body.dataset;

export const client = createClient({
  issuer,
  clientId: 'demo',
  scope: 'openid profile',
  api: [api],
  redirectUri: '/',
  allowLoopbackHttp: true,
});

export const me = `${api}me`;
export const ticks = `${api}ticks`;

const { start } = client;
client.start = () => {
  document.documentElement.dataset.starts = `${Number(document.documentElement.dataset.starts ?? 0) + 1}`;
  return start.call(client);
};

export const root = document.body.appendChild(document.createElement('main'));
