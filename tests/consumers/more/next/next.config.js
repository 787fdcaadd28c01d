// Turbopack reads no file outside of its root, and here the packages are outside of the app.
export default { output: 'export', distDir: 'site', turbopack: { root: process.env.ROOT } };
