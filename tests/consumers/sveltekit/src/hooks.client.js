import { ready } from 'valet-key/svelte';
import { client } from './client.js';

/** The router reads the address after this. */
export const init = () => ready(client);

export const handleError = ({ error }) => ({ message: error.message, code: error.code, returnTo: error.returnTo });
