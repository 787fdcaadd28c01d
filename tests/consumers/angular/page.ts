import { HttpClient, HttpErrorResponse, HttpResponse, provideHttpClient, withInterceptors } from '@angular/common/http';
import { Component, inject, provideZonelessChangeDetection, signal } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import {
  Router,
  RouterLink,
  RouterOutlet,
  provideRouter,
  withNavigationErrorHandler,
  withRouterConfig,
  type Routes,
} from '@angular/router';
import { of } from 'rxjs';
import { ValetKeyError } from 'valet-key';
import { injectClient, injectSession, provideValetKey, requireSession } from 'valet-key/angular';
import { apiInterceptor } from 'valet-key/angular/http';
import { client, me, root } from './client.js';

const refusal = signal<ValetKeyError | undefined>(undefined);

@Component({
  selector: 'my-home',
  template: `
    @if (state().session; as session) {
      <p>Signed in as {{ session.sub }}</p>
      <button (click)="client.signOut()">Sign out</button>
    } @else {
      <p>{{ state().status === 'failed' ? 'Failed: ' + state().error?.code : 'Signed out' }}</p>
      <button (click)="client.signIn()">Sign in</button>
    }
  `,
})
class Home {
  readonly client = injectClient();
  readonly state = injectSession();
}

@Component({
  selector: 'my-private',
  template: `
    <p>Private at {{ address }}</p>
    <p>{{ said() }}</p>
  `,
})
class Private {
  readonly address = inject(Router).currentNavigation()?.finalUrl?.toString();
  readonly said = signal('Said:');
  constructor() {
    const http = inject(HttpClient);
    http
      .get<{ user: string }>(me, { headers: { accept: 'application/json' } })
      .subscribe(({ user }) => this.said.update((said) => `${said} "user":"${user}"`));
    http.post(`${me}/absent`, { a: 1 }).subscribe({
      error: ({ status, error }: HttpErrorResponse) => this.said.update((said) => `${said} ${status} ${error.error}`),
    });
    http.get('/elsewhere').subscribe((passed) => this.said.update((said) => `${said} ${passed}`));
  }
}

@Component({
  selector: 'my-app',
  imports: [RouterLink, RouterOutlet],
  template: `
    <nav><a routerLink="/">Home</a> <a routerLink="/private" [queryParams]="{ q: 2 }" fragment="there">Private</a></nav>
    @if (refusal(); as error) {
      <p>Refused: {{ error.code }}</p>
      <button (click)="client.signIn({ returnTo: error.returnTo })">Sign in</button>
    }
    <router-outlet />
  `,
})
class App {
  readonly client = injectClient();
  readonly refusal = refusal;
}

const routes: Routes = [
  { path: '', component: Home, pathMatch: 'full' },
  { path: 'private', component: Private, canActivate: [requireSession()] },
];

root.append(document.createElement('my-app'));
bootstrapApplication(App, {
  providers: [
    provideZonelessChangeDetection(),
    provideValetKey(client),
    provideRouter(
      routes,
      withRouterConfig({ resolveNavigationPromiseOnError: true }),
      withNavigationErrorHandler(({ error }) => refusal.set(error)),
    ),
    provideHttpClient(withInterceptors([apiInterceptor([me]), () => of(new HttpResponse({ body: 'passed' }))])),
  ],
});
