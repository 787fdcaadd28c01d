/** Renders a component of each framework on a server, and prints what it shows. No client may start there. */
import { Suspense, createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { createClient } from 'valet-key';
import { RequireSession, ValetKeyProvider, useFetch, useSession } from 'valet-key/react';
import { tanstackRouterGuard } from 'valet-key/router';
import { requireSession, sessionStore } from 'valet-key/svelte';
import { useSession as useRefs, valetKey } from 'valet-key/vue';
import { createSSRApp } from 'vue';
import { renderToString as renderVue } from 'vue/server-renderer';

const client = createClient({
  issuer: 'https://id.example.com',
  clientId: 'my-spa',
  api: ['https://api.example.com/'],
});
client.start = () => {
  throw new Error('started on a server');
};

const Page = () => {
  const { status } = useSession({ suspense: true });
  const { loading } = useFetch('https://api.example.com/me');
  return `${status} ${loading}`;
};
const guarded = createElement(RequireSession, { fallback: 'fallback' }, 'guarded');
const tree = createElement(ValetKeyProvider, { client }, createElement(Suspense, null, createElement(Page)), guarded);
const react = renderToString(tree)
  .replace(/<!--.*?-->/g, ' ')
  .trim();

const setup = () => {
  const { status } = useRefs();
  return () => status.value;
};
const vue = (await renderVue(createSSRApp({ setup }).use(valetKey, { client }))).replace(/<!--.*?-->/g, '');

let svelte;
sessionStore(client).subscribe(({ status }) => (svelte = status))();

const url = new URL('https://app.example.com/private');
const load = await requireSession(client)({ url });
const beforeLoad = await tanstackRouterGuard(client)({ location: url });
console.log(JSON.stringify({ react, vue, svelte, load, beforeLoad }));
