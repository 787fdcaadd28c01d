import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createBrowserRouter, Link, Outlet, RouterProvider, useLocation, useRouteError } from 'react-router';
import { RequireSession, ready, useClient, useFetch, useSession, ValetKeyProvider } from 'valet-key/react';
import { reactRouterGuard } from 'valet-key/router';
import { client, me, root } from './client.js';

function Frame() {
  return (
    <>
      <nav>
        <Link to="/">Home</Link> <Link to="/private?q=2#there">Private</Link> <Link to="/component?q=3#here">Component</Link>
      </nav>
      <Outlet />
    </>
  );
}

function Home() {
  const client = useClient();
  const { status, session, error } = useSession();
  if (status === 'signed-in')
    return (
      <>
        <p>Signed in as {session.sub}</p>
        <button onClick={() => client.signOut()}>Sign out</button>
      </>
    );
  return (
    <>
      <p>{status === 'failed' ? `Failed: ${error.code}` : 'Signed out'}</p>
      <button onClick={() => client.signIn()}>Sign in</button>
    </>
  );
}

function Private() {
  const { pathname, search, hash } = useLocation();
  const { data, loading, reload } = useFetch(me);
  return (
    <>
      <p>
        Private at {pathname + search + hash}
      </p>
      <p>{loading ? 'Loading' : `"user":"${data.user}"`}</p>
      <button onClick={reload}>Reload</button>
      <button onClick={() => client.revoke()}>Give up</button>
    </>
  );
}

function Refused() {
  const { code, returnTo } = useRouteError();
  return (
    <>
      <p>Refused: {code}</p>
      <button onClick={() => client.signIn({ returnTo })}>Sign in</button>
    </>
  );
}

const errorElement = <Refused />;

// The router reads the address once. The client sets it at the end of a sign-in.
await ready(client);

const router = createBrowserRouter([
  {
    Component: Frame,
    HydrateFallback: () => 'One moment …',
    children: [
      { path: '/', Component: Home },
      {
        path: '/private',
        loader: reactRouterGuard(client, { router: () => router }),
        Component: Private,
        errorElement,
      },
      {
        path: '/component',
        element: (
          <RequireSession fallback={({ status }) => <p>Without a session: {status}</p>}>
            <Private />
          </RequireSession>
        ),
        errorElement,
      },
    ],
  },
]);

createRoot(root).render(
  <StrictMode>
    <ValetKeyProvider client={client}>
      <RouterProvider router={router} />
    </ValetKeyProvider>
  </StrictMode>,
);
