import type { Client } from 'valet-key';
import { createTestProvider, insufficientScope, signedIn, signedOut, type TestClient, type TestProvider } from 'valet-key/testing';
import { startTestProvider } from 'valet-key/testing/node';

// An app takes the kit's client wherever it takes a real one.
const clients: Client[] = [signedIn({ sub: 'alice' }), signedOut()];

export function test(): TestClient {
  const client = signedIn({ sub: 'alice', name: 'Alice' }, { fetch: () => Response.json({}) });
  client.change('expired');
  client.fail('network_error', { on: 'fetch', retryAfter: 3 });
  client.addEventListener('change', ({ session, reason }) => console.log(reason, session?.sub, clients.length));
  return client;
}

export async function run(): Promise<TestProvider> {
  const provider = await startTestProvider({ users: [{ sub: 'alice', role: 'admin' }, 'bob'], port: 4000 });
  provider.api((request, { sub, scope }) => (scope.includes('photos') ? Response.json({ sub }) : insufficientScope('photos')));
  provider.fail('token', { status: 503, times: 2 });
  await provider.close();
  return createTestProvider({ issuer: 'https://id.example.com', users: ['alice'] });
}

// @ts-expect-error an endpoint that does not exist
createTestProvider({ issuer: 'https://id.example.com', users: ['alice'] }).fail('tokens', {});

// @ts-expect-error a code that no error has
signedIn().fail('no_such_code');
