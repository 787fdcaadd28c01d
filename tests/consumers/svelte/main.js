import { mount } from 'svelte';
import { ready } from 'valet-key/svelte';
import Page from './Page.svelte';
import { client, root } from './client.js';

// The page reads the address once. The client sets it at the end of a sign-in.
await ready(client);

mount(Page, { target: root });
