import { defineConfig } from '@rsbuild/core';

export default defineConfig({
  source: { entry: { index: './main.js' } },
  html: { template: './index.html' },
  output: { distPath: { root: 'site' }, assetPrefix: process.env.ASSETS },
});
