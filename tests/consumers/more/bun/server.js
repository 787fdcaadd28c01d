/** Bun's development server, which serves no files beside the page by itself. */
import page from './index.html';

const worker = Bun.file('site/valet-key/worker.js');
const module = Bun.file('site/valet-key/valet_key.wasm');

const { url } = Bun.serve({
  port: process.argv[2],
  development: true,
  routes: {
    '/': page,
    '/valet-key/worker.js': () => new Response(worker),
    '/valet-key/valet_key.wasm': () => new Response(module),
  },
});
console.log(url.href);
