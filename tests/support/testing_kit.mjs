/** The provider of `valet-key/testing/node` as a stage needs it: with a record of the secrets that passed through it. */
import { startTestProvider } from '../../pkg/testing/node.js';
import { Issued } from './issued.mjs';
import { portNear } from './loopback.mjs';

const USERS = [
  { sub: 'alice', name: 'Alice Arden', email: 'alice@example.com', role: 'admin' },
  { sub: 'bob', name: 'Bob Birch', email: 'bob@example.com' },
];

/** What a stage takes as `provider`. @param {object} [options] of the test provider */
export const testProvider =
  (options) =>
  async ({ accessTokenSeconds, refreshTokens }) => {
    const given = Object.entries({ accessTokenSeconds, refreshTokens }).filter(([, value]) => value !== undefined);
    const provider = await startTestProvider({
      users: USERS,
      port: await portNear(),
      ...Object.fromEntries(given),
      ...options,
    });
    const issued = new Issued();
    const { fetch } = provider;
    provider.fetch = async (request) => {
      const { searchParams, pathname } = new URL(request.url);
      const isForm = /urlencoded/.test(request.headers.get('content-type') ?? '');
      const form = isForm ? Object.fromEntries(new URLSearchParams(await request.clone().text())) : {};
      const response = await fetch(request);
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      issued.note({
        endpoint: { '/authorize': 'authorization', '/token': 'token' }[pathname],
        query: Object.fromEntries(searchParams),
        form,
        answer: isJson ? signaturesOf(await response.clone().json()) : undefined,
        location: response.headers.get('location') ?? undefined,
      });
      return response;
    };
    return Object.assign(provider, {
      issued,
      count: (endpoint) =>
        provider.requests.filter((one) => one.endpoint === endpoint && one.method !== 'OPTIONS').length,
    });
  };

/**
 * A response whose JWTs are only their signatures. What else is in them, the page may know, and APIs repeat it, so a search for it
 * would find it there.
 */
const signaturesOf = (answer) =>
  Object.fromEntries(
    Object.entries(answer).map(([name, value]) => [name, typeof value === 'string' ? value.split('.').at(-1) : value]),
  );
