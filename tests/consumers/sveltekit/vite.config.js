import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';

export default {
  logLevel: 'warn',
  plugins: [sveltekit({ adapter: adapter({ pages: 'site', fallback: 'index.html' }) })],
};
