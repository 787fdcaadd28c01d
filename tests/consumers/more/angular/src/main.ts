import { Component, signal } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { ValetKeyError, createClient } from 'valet-key';

const { issuer = '', api = '' } = document.body.dataset;
const client = createClient({ issuer, clientId: 'demo', scope: 'openid profile', api: [api], allowLoopbackHttp: true });

@Component({
  selector: 'app-root',
  template: `
    <p role="status">{{ text() }}</p>
    <button (click)="attempt(signIn)">Sign in</button>
    <button (click)="attempt(me)">Me</button>
  `,
})
class Page {
  readonly text = signal('One moment …');

  constructor() {
    this.attempt(async () => {
      const session = await client.start();
      this.text.set(session ? `Signed in as ${session.sub}` : 'Signed out');
    });
  }

  readonly signIn = () => client.signIn();

  readonly me = async () => this.text.set(JSON.stringify(await (await client.fetch(`${api}me`)).json()));

  async attempt(action: () => Promise<unknown>) {
    try {
      await action();
    } catch (error) {
      if (error instanceof ValetKeyError) this.text.set(`${error.code}: ${error.hint}`);
      else throw error;
    }
  }
}

bootstrapApplication(Page);
