/** The groups of the site's sidebar, and the guides in each, in the order in which they are shown. Paths are relative to `docs`. */
export const groups = [
  {
    name: 'Start',
    files: ['first-sign-in.md', 'bundlers.md', 'frameworks.md', 'html-only.md', 'doctor.md', 'migrate.md', 'rust.md'],
  },
  {
    name: 'Guides',
    files: [
      'sessions.md',
      'accounts.md',
      'several-apis.md',
      'step-up.md',
      'streams.md',
      'trace.md',
      'keep.md',
      'devices.md',
      'machines.md',
      'connections.md',
      'testing-apps.md',
    ],
  },
  {
    name: 'Providers',
    files: ['providers.md', 'registration.md', 'bound-tokens.md'],
  },
  {
    name: 'Security',
    files: ['security.md', 'guard.md', 'storage.md'],
  },
  {
    name: 'Reference',
    files: ['errors.md', 'engines.md', 'size.md', 'speed.md'],
  },
  {
    name: 'Project',
    files: ['../CHANGELOG.md', '../CONTRIBUTING.md', '../SECURITY.md', 'architecture.md', 'testing.md', 'record.md'],
  },
];
