/**
 * What is not alike everywhere. A story asks `stage.lacks(ability)` and goes on with the fallback where that is so; a
 * story that only some drivers can drive names what it `needs`. `docs/engines.md` says both, in these words.
 */

/** @typedef {{ engine: string, home: 'shared' | 'dedicated' | 'page' }} Place */

/**
 * What an engine or a home of tokens has or lacks, and what happens instead.
 * @type {Record<string, { has: (place: Place) => boolean, lacking: string, instead: string }>}
 */
export const ABILITIES = {
  lasting: {
    has: ({ engine, home }) => engine === 'chromium' && home === 'shared',
    lacking: 'The tokens do not outlive the last page that uses them',
    instead: 'the next page, a reload for instance, asks the provider once without a question (`prompt=none`), and the user is signed in again. Where the page asks for more than the user has allowed so far, a click is needed',
  },
  storing: {
    has: ({ engine }) => engine !== 'webkit',
    lacking: 'The browser, as its driver opens it, stores no response, whatever its headers allow',
    instead: 'a vault that is new when the user comes back asks the provider for its metadata once',
  },
  cutOff: {
    has: ({ engine, home }) => engine !== 'webkit' || home !== 'shared',
    lacking: 'A page with `Cross-Origin-Opener-Policy: same-origin` loses its shared worker when it opens a popup, and the sign-in with it',
    instead: 'the vault starts anew, and a sign-in by redirect works',
  },
};

/**
 * What it takes to drive some stories, the engines whose drivers have it, and why others do not run them.
 * @type {Record<string, { engines: string[], reason: string }>}
 */
export const NEEDS = {
  largeBodies: {
    engines: ['chromium'],
    reason: 'how much other engines keep in buffers of their own is not known here, and their drivers refuse the certificate of a server on loopback',
  },
  devTools: { engines: ['chromium'], reason: 'it is driven by the DevTools protocol, which only Chromium speaks' },
};
