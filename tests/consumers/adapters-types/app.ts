import type { HttpInterceptorFn } from '@angular/common/http';
import type { EnvironmentProviders, Signal } from '@angular/core';
import type { CanActivateFn } from '@angular/router';
import { createRoute, createRootRoute } from '@tanstack/react-router';
import { createElement, type ReactElement } from 'react';
import { createBrowserRouter } from 'react-router';
import { createApp } from 'vue';
import type { NavigationGuardWithThis } from 'vue-router';
import { createClient, type Session, type ValetKeyError } from 'valet-key';
import { injectSession, provideValetKey, requireSession as activate } from 'valet-key/angular';
import { apiInterceptor } from 'valet-key/angular/http';
import { RequireSession, ValetKeyProvider, ready, useFetch, useSession, type SessionState } from 'valet-key/react';
import { reactRouterGuard, tanstackRouterGuard } from 'valet-key/router';
import { requireSession as load, sessionStore } from 'valet-key/svelte';
import { requireSession, useSession as useRefs, valetKey } from 'valet-key/vue';

const client = createClient({ issuer: 'https://id.example.com', clientId: 'my-spa', api: ['/api/'] });

export function Page(): ReactElement {
  const state: SessionState = useSession();
  if (state.status === 'failed') return createElement('p', null, state.error.code);
  if (state.status === 'signed-in') return createElement('p', null, state.session.sub);
  // @ts-expect-error there is no session in this state
  state.session.sub;
  const known: 'signed-in' | 'signed-out' | 'failed' = useSession({ suspense: true }).status;
  const { data, reload } = useFetch<{ user: string }>('/api/me', { headers: { accept: 'application/json' } });
  return createElement('button', { onClick: reload }, known, data?.user);
}

export const page = createElement(
  ValetKeyProvider,
  { client },
  createElement(RequireSession, { fallback: ({ status }) => status, signIn: { prompt: 'login' } }, createElement(Page)),
);

// @ts-expect-error a guard sets where the user returns
createElement(RequireSession, { signIn: { returnTo: '/' } });

export const router = createBrowserRouter([
  { path: '/', loader: reactRouterGuard(client, { router: (): ReturnType<typeof createBrowserRouter> => router, maxAge: 60 }) },
]);

const route = createRoute({
  getParentRoute: () => createRootRoute(),
  path: '/private',
  beforeLoad: tanstackRouterGuard(client),
  loader: ({ context: { session } }) => session?.sub,
});
export const options = route.options;

createApp({}).use(valetKey, { client });
// @ts-expect-error the plugin needs a client
createApp({}).use(valetKey, {});
export const beforeEnter: NavigationGuardWithThis<undefined> = requireSession(client);
export const name = (): unknown => useRefs().session.value?.claims['name'];
export const failure = (): ValetKeyError | undefined => useRefs().error.value;

sessionStore(client).subscribe(({ status }) => console.log(status));
export const session: Promise<{ session: Session | null }> = load(client)({ url: new URL('https://app.example.com/') });
export const settled: Promise<SessionState> = ready(client);

export const providers: EnvironmentProviders = provideValetKey(client);
export const canActivate: CanActivateFn = activate({ acrValues: 'mfa' });
export const interceptor: HttpInterceptorFn = apiInterceptor(['/api/']);
export const state = (): Signal<SessionState> => injectSession();
