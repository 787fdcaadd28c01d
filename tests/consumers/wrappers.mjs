/** Libraries that wrap `fetch`, each of them with a client's `fetch`. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { bodyOf, close, listen, portNear } from '../support/loopback.mjs';
import { OPEN, list } from '../support/open_app.mjs';
import { story } from '../support/stage.mjs';

/** The use of the client's `fetch` in each library, as source, and the result. `url` is the API's. */
const WRAPPERS = {
  axios:
    "axios.create({ adapter: 'fetch', env: { fetch, Request, Response } }).get(url + 'json').then(({ data }) => data.said)",
  ky: "ky.create({ fetch }).get(url + 'json').json().then(({ said }) => said)",
  'ky with its own parser':
    "ky.create({ fetch, parseJson: JSON.parse }).get(url + 'json').json().then(({ said }) => said)",
  'openapi-fetch': "openapi({ baseUrl: url, fetch }).GET('/json').then(({ data }) => data.said)",
  'graphql-request': "new GraphQLClient(url + 'graphql', { fetch }).request('{ said }').then(({ said }) => said)",
  ofetch: "createFetch({ fetch, Headers, AbortController })(url + 'json').then(({ said }) => said)",
  wretch: "wretch(url + 'json').polyfills({ fetch }).get().json(({ said }) => said)",
  tRPC: "createTRPCClient({ links: [httpLink({ url: url + 'trpc', fetch })] }).said.query()",
  'fetch-event-source':
    "new Promise((done, fail) => fetchEventSource(url + 'events', { fetch, onmessage: ({ data }) => done(data), onerror: (error) => { fail(error); throw error; } }))",
};

const IMPORTS = `
  import axios from 'axios';
  import ky from 'ky';
  import openapi from 'openapi-fetch';
  import { GraphQLClient } from 'graphql-request';
  import { createFetch } from 'ofetch';
  import wretch from 'wretch';
  import { createTRPCClient, httpLink } from '@trpc/client';
  import { fetchEventSource } from '@microsoft/fetch-event-source';
`;

/** The libraries and their calls as one module for the page. */
function bundled() {
  const calls = Object.entries(WRAPPERS).map(([name, call]) => `${JSON.stringify(name)}: (fetch, url) => ${call},`);
  const { outputFiles } = esbuild.buildSync({
    stdin: {
      contents: `${IMPORTS} export const wrappers = { ${calls.join('\n')} };`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    logLevel: 'error',
    write: false,
  });
  return outputFiles[0].text;
}

/** An API that responds `yes` to every call with a token, in the format of each kind of library. */
async function startTalker(origin) {
  const port = await portNear();
  const answers = {
    '/v1/json': { said: 'yes' },
    '/v1/graphql': { data: { said: 'yes' } },
    '/v1/trpc/said': { result: { data: 'yes' } },
  };
  const server = createServer(async (request, response) => {
    const [path] = request.url.split('?');
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader(
      'access-control-allow-headers',
      'authorization, content-type, accept, last-event-id, trpc-accept',
    );
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    await bodyOf(request, 100_000);
    if (!request.headers.authorization?.startsWith('Bearer ')) return response.writeHead(401).end();
    if (path === '/v1/events')
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: yes\n\n');
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(answers[path] ?? {}));
  });
  await listen(server, port);
  return { url: `http://localhost:${port}/v1/`, close: () => close(server) };
}

const libraries = bundled(); // at once: the runner would not wait for the tests of this file

story(
  'FETCH-53 P1: libraries that wrap `fetch` work with the client’s',
  { ...OPEN, scripts: { ...OPEN.scripts, '/libraries.js': libraries } },
  async (stage) => {
    const talker = await startTalker(stage.site.origin);
    try {
      list(stage, talker.url);
      await stage.signIn();
      for (const name in WRAPPERS) {
        const said = await stage.page.run(
          "async (name, url) => (await import('/libraries.js')).wrappers[name](client.fetch, url).then(String, String)",
          name,
          talker.url,
        );
        assert.equal(said, 'yes', name);
      }
    } finally {
      await talker.close();
    }
  },
);
