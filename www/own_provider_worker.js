/**
 * A service worker with three providers and their APIs, so that a static host needs no server: the providers run in this browser, sign
 * in without a password, and forget everything when the browser ends this worker.
 *
 * It also serves the package's worker at an address within its scope: it then sees the requests of that worker, and answers those to the
 * providers.
 */
import { createTestProvider, insufficientScope } from '../pkg/testing/index.js';

const USERS = [
  { sub: 'alice', name: 'Alice Liddell', preferred_username: 'alice', email: 'alice@example.com' },
  { sub: 'bob', name: 'Bob Builder', preferred_username: 'bob', email: 'bob@example.com' },
];

const SCOPE = new URL('provider/', location.href).href;
const FILES = new Map([
  [`${SCOPE}worker.js`, new URL('../pkg/wasm/worker.js', location.href).href],
  [`${SCOPE}valet_key.wasm`, new URL('../pkg/wasm/valet_key.wasm', location.href).href],
]);

const json = (value, status = 200) => Response.json(value, { status, headers: { 'cache-control': 'no-store' } });

const providers = ['demo', 'finch', 'lantern'].map((name) => {
  const provider = createTestProvider({
    issuer: SCOPE + name,
    users: USERS,
    interactive: true,
    accessTokenSeconds: 120,
    origins: [location.origin],
  });
  const notesOf = new Map(USERS.map(({ sub }) => [sub, [{ text: 'Buy a spare key.', at: new Date().toISOString() }]]));
  provider.api((request, token) => answer(request, token, notesOf.get(token.sub)));
  return provider;
});

/** As the API of the demo's server answers. */
async function answer(request, { sub, client_id: client, scope }, notes) {
  const name = `${request.method} /${new URL(request.url).pathname.split('/').at(-1)}`;
  const lacks = (wanted) => !scope.split(' ').includes(wanted) && insufficientScope(wanted);
  switch (name) {
    case 'GET /me':
      return json({ user: sub, client, scope });
    case 'GET /photos':
      return lacks('photos') || json({ photos: PHOTOS });
    case 'GET /notes':
      return lacks('notes:read') || json({ notes });
    case 'POST /notes':
      return lacks('notes:write') || write(await request.json(), notes);
    default:
      return json({ error: 'not_found' }, 404);
  }
}

function write({ text }, notes) {
  const note = { text: String(text).slice(0, 500), at: new Date().toISOString() };
  notes.push(note);
  return json({ note, count: notes.length }, 201);
}

const PHOTOS = [
  ['A garage at noon', '#b07a14', '#f3ead6'],
  ['The spare key', '#35507f', '#dfe6f3'],
  ['Parked under trees', '#1f6b3f', '#dcebdf'],
].map(([title, ink, ground]) => ({
  title,
  svg: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 160"><path fill="${ground}" d="M0 0h240v160H0z"/><g fill="none" stroke="${ink}" stroke-width="10" stroke-linecap="round"><circle cx="80" cy="80" r="32"/><path d="M112 80h88M172 80v26M196 80v20"/></g></svg>`,
}));

addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
// From a page that found it active already, and has been loaded without it.
addEventListener('message', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => {
  const { request } = event;
  const [url] = request.url.split(/[?#]/);
  const provider = providers.find(({ issuer }) => url.startsWith(`${issuer}/`));
  if (provider) event.respondWith(provider.fetch(request));
  else if (url === `${SCOPE}awake`) event.respondWith(new Response(null, { status: 204 }));
  else if (FILES.has(url)) event.respondWith(copyOf(FILES.get(url)));
});

/** A file under the address that was asked for: a response of `fetch` itself would carry its own. */
async function copyOf(address) {
  const { body, status, headers } = await fetch(address);
  return new Response(body, { status, headers });
}
