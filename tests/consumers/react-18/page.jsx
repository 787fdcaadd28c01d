import { StrictMode, Suspense, useState, version } from 'react';
import { createRoot } from 'react-dom/client';
import { useClient, useFetch, useSession, ValetKeyProvider } from 'valet-key/react';
import { client, me, root, ticks } from './client.js';

/** A call that lasts until the component goes. */
function Ticks() {
  const { loading } = useFetch(ticks);
  return <p>{loading ? 'Waiting' : 'Done'}</p>;
}

function Page() {
  const client = useClient();
  const [isTicking, setTicking] = useState(false);
  const { session } = useSession({ suspense: true });
  const { data } = useFetch(session && me);
  if (!session)
    return (
      <>
        <p>Signed out</p>
        <button onClick={() => client.signIn()}>Sign in</button>
      </>
    );
  return (
    <>
      <p>Signed in as {session.sub}</p>
      <p>{data ? `"user":"${data.user}"` : 'Loading'}</p>
      {isTicking && <Ticks />}
      <button onClick={() => setTicking(!isTicking)}>Ticks</button>
      <button onClick={() => client.signIn({ prompt: 'login' })}>Another user</button>
      <button onClick={() => client.signOut()}>Sign out</button>
    </>
  );
}

createRoot(root).render(
  <StrictMode>
    <p>React {version}</p>
    <ValetKeyProvider client={client}>
      <Suspense fallback="Suspended">
        <Page />
      </Suspense>
    </ValetKeyProvider>
  </StrictMode>,
);
