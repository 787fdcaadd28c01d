import { createRootRoute, createRoute, createRouter, Link, Outlet, RouterProvider, useLocation } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ready, useClient, useFetch, useSession, ValetKeyProvider } from 'valet-key/react';
import { tanstackRouterGuard } from 'valet-key/router';
import { client, me, root } from './client.js';

const frame = createRootRoute({
  component: () => (
    <>
      <nav>
        <Link to="/">Home</Link>{' '}
        <Link to="/private" search={{ q: 2 }} hash="there" preload="intent">
          Private
        </Link>
      </nav>
      <Outlet />
    </>
  ),
});

const home = createRoute({
  getParentRoute: () => frame,
  path: '/',
  component: function Home() {
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
  },
});

const guarded = createRoute({
  getParentRoute: () => frame,
  path: '/private',
  beforeLoad: tanstackRouterGuard(client),
  errorComponent: ({ error: { code, returnTo } }) => (
    <>
      <p>Refused: {code}</p>
      <button onClick={() => client.signIn({ returnTo })}>Sign in</button>
    </>
  ),
  component: function Private() {
    const { href } = useLocation();
    const { session } = guarded.useRouteContext();
    const { data } = useFetch(me);
    return (
      <>
        <p>Private at {href}</p>
        <p>{data ? `"user":"${data.user}"` : `Loading for ${session.sub}`}</p>
      </>
    );
  },
});

await ready(client);

const router = createRouter({ routeTree: frame.addChildren([home, guarded]) });

// The error component shows errors; React would log them besides.
createRoot(root, { onCaughtError() {} }).render(
  <StrictMode>
    <ValetKeyProvider client={client}>
      <RouterProvider router={router} />
    </ValetKeyProvider>
  </StrictMode>,
);
