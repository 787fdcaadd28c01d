import { requireSession } from 'valet-key/svelte';
import { client } from '../../client.js';

export const load = requireSession(client);
