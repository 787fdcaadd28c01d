/**
 * Names that blocks of code in the documentation use and do not declare: a client, and what stands for the page of an app. A block that
 * declares one of them itself hides it here.
 */

declare const createClient: typeof import('valet-key').createClient;
declare const connect: typeof import('valet-key').connect;
declare const options: import('valet-key').Options;
declare const issuer: string, clientId: string, scope: string, api: string[];
declare const client: import('valet-key').Client;
declare const accounts: import('valet-key/accounts').Accounts;

declare const signInButton: HTMLButtonElement, signOutButton: HTMLButtonElement, callButton: HTMLButtonElement;
declare const signIn: HTMLButtonElement, cancelButton: HTMLButtonElement, payButton: HTMLButtonElement, button: HTMLButtonElement;
declare const add: HTMLButtonElement, remove: HTMLButtonElement, pick: HTMLSelectElement;
declare const text: HTMLElement, image: HTMLImageElement;

declare function show(...what: unknown[]): void;
declare function showWho(session: import('valet-key').Session | null): void;
declare function render(...what: unknown[]): void;
declare function showWarning(seconds: number): void;
declare function hideWarning(): void;
declare function transferAgain(): Promise<void>;

/** The arguments of a call. */
declare const headers: Record<string, string>, body: string;
/** In Node.js. */
declare const process: { env: Record<string, string> };
/** TypeScript does not know Trusted Types. */
declare var trustedTypes: any;
/** A provider's metadata. */
declare const metadata: any;

/** What an app imports from its framework, and its own parts. */
declare const createRoot: any, createBrowserRouter: any, useRouteError: any, createRoute: any, root: any;
declare const createApp: any, createRouter: any, createWebHistory: any;
declare const bootstrapApplication: any, provideRouter: any, withRouterConfig: any, withNavigationErrorHandler: any;
declare const provideHttpClient: any, withInterceptors: any;
declare const App: any, Home: any, Private: any, Refused: any, refusal: any;
declare const ready: any, requireSession: any;

/** What Vite gives to modules. */
interface ImportMeta {
  readonly env: Record<string, any>;
}

/** Packages that the tests do not install have no types here. A package's own entries are checked by name. */
declare module '*';
