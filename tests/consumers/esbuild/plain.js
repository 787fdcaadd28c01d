import { createClient } from 'valet-key';
import { run } from './app.js';

// A classic script does not know its own address. The module is beside the worker, and needs no option.
run(createClient, { workerUrl: 'worker.js' });
