import { createClient } from 'valet-key';
import { run } from './app.js';

run(createClient);
