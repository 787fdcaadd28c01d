import { createClient } from 'valet-key';
import { run } from './app.js';

// A classic script knows no address of its own. The module lies beside the worker, and needs no name.
run(createClient, { workerUrl: 'worker.js' });
