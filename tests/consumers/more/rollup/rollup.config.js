import resolve from '@rollup/plugin-node-resolve';
import { valetKey } from 'valet-key/rollup';

export default {
  input: 'main.js',
  output: { dir: 'site', format: 'es' },
  plugins: [resolve({ browser: true }), valetKey()],
};
