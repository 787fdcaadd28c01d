import { createClient, ValetKeyError, type Client, type ErrorCode, type Options, type Session } from 'valet-key';

const options: Options = { issuer: 'https://id.example.com', clientId: 'my-spa', api: ['/api/'] };
const client: Client = createClient(options);

export async function user(): Promise<string> {
  const session: Session | null = await client.start();
  return session?.sub ?? client.signIn();
}

export async function me(): Promise<ErrorCode | Response> {
  try {
    return await client.fetch('/api/me');
  } catch (error) {
    if (error instanceof ValetKeyError) return error.code;
    throw error;
  }
}

client.addEventListener('change', ({ session, reason }) => console.log(reason, session?.claims['name']));

createClient({ issuer: 'https://id.example.com', registration: { client_name: 'Notes', contacts: ['a@example.com'] } });

// @ts-expect-error an id is a text
createClient({ issuer: 'https://id.example.com', clientId: 7 });
