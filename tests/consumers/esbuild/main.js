import { createClient } from 'valet-key';
import { run } from './app.js';

// esbuild leaves `new URL(…, import.meta.url)` unchanged: the two files are copied, and named here.
run(createClient, { workerUrl: 'worker.js', wasmUrl: 'valet_key.wasm' });
