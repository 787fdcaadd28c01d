/** The page that all consumers show: the user, and the response of the API. */

/** @param {import('valet-key')['createClient']} createClient @param {object} [more] options of one consumer */
export async function run(createClient, more) {
  const { issuer, api } = document.body.dataset;
  const client = createClient({
    issuer,
    clientId: 'demo',
    scope: 'openid profile',
    api: [api],
    allowLoopbackHttp: true,
    ...more,
  });
  const show = (text) => (document.querySelector('[role=status]').textContent = text);

  button('Sign in', () => client.signIn());
  button('Me', async () => show(JSON.stringify(await (await client.fetch(`${api}me`)).json())));
  await attempt(async () => {
    const session = await client.start();
    show(session ? `Signed in as ${session.sub}` : 'Signed out');
  });

  function attempt(action) {
    return action().catch(({ code, hint }) => show(`${code}: ${hint}`));
  }

  function button(text, action) {
    const made = document.createElement('button');
    made.textContent = text;
    made.onclick = () => attempt(action);
    document.body.append(made);
  }
}
