export default defineNuxtConfig({
  compatibilityDate: '2026-11-01',
  telemetry: false,
  app: {
    head: {
      link: [{ rel: 'icon', href: 'data:,' }],
      bodyAttrs: { 'data-issuer': process.env.ISSUER, 'data-api': process.env.API },
    },
  },
});
