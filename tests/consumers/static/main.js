import { createClient } from './valet-key/index.js';
import { run } from './app.js';

run(createClient);
