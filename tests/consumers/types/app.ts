import { diagnose, type Finding } from 'valet-key/doctor';
import { createClient, ValetKeyError, type Client, type ErrorCode, type Options, type Session } from 'valet-key';
import type { ValetKeyAttributes, ValetKeyElement } from 'valet-key/element';
import { valetKey, type ValetKeyPlugin } from 'valet-key/rollup';

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

// The standard claims are typed, and an app can name its own.
const email: string | undefined = client.session?.claims.email;
const other: unknown = client.session?.claims['tenant'];
const mine = createClient<{ roles: string[] }>(options);
const roles: string[] | undefined = mine.session?.claims.roles;
mine.addEventListener('change', ({ session }) => console.log(session?.claims.roles.length, email, other, roles));
// @ts-expect-error not one of the app's own claims
mine.session?.claims.email;
const anyClient: Client<{ roles: string[] }> = mine;
export { anyClient };
const element: ValetKeyElement | null = document.querySelector('valet-key');
element?.addEventListener('change', ({ state, session, reason }) => console.log(state, session?.sub, reason));
element?.addEventListener('error', ({ error, region }) => console.log(error, region?.id));

export const attributes: ValetKeyAttributes = { issuer: 'https://id.example.com', 'allow-loopback-http': '', restore: 'vault' };

// @ts-expect-error tokens in the page need a script
export const none: ValetKeyAttributes = { tokens: 'page' };
export async function faults(): Promise<string[]> {
  const findings: Finding[] = await diagnose(options);
  return findings.filter(({ level }) => level === 'error').map(({ check, fix }) => `${check}: ${fix}`);
}
export const plugin: ValetKeyPlugin = valetKey();
