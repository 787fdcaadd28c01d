import { createApp, h, ref } from 'vue';
import { createRouter, createWebHistory, RouterLink, RouterView, useRoute } from 'vue-router';
import { ready, requireSession, useClient, useSession, valetKey } from 'valet-key/vue';
import { client, me, root } from './client.js';

const button = (text, onClick) => h('button', { onClick }, text);

const refusal = ref();

const Frame = () => [
  h('nav', [
    h(RouterLink, { to: '/' }, () => 'Home'),
    ' ',
    h(RouterLink, { to: '/private?q=2#there' }, () => 'Private'),
  ]),
  refusal.value
    ? [
        h('p', `Refused: ${refusal.value.code}`),
        button('Sign in', () => client.signIn({ returnTo: refusal.value.returnTo })),
      ]
    : h(RouterView),
];

const Home = {
  setup() {
    const client = useClient();
    const { status, session, error } = useSession();
    return () =>
      session.value
        ? [h('p', `Signed in as ${session.value.sub}`), button('Sign out', () => client.signOut())]
        : [
            h('p', status.value === 'failed' ? `Failed: ${error.value.code}` : 'Signed out'),
            button('Sign in', () => client.signIn()),
          ];
  },
};

const Private = {
  setup() {
    const client = useClient();
    const route = useRoute();
    const said = ref('Loading');
    client
      .fetch(me)
      .then((response) => response.text())
      .then((text) => (said.value = text));
    return () => [h('p', `Private at ${route.fullPath}`), h('p', said.value)];
  },
};

// The router reads the address once. The client sets it at the end of a sign-in.
await ready(client);

const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', component: Home },
    { path: '/private', component: Private, beforeEnter: requireSession(client) },
  ],
});
router.onError((error) => (refusal.value = error));
router.afterEach(() => (refusal.value = undefined));

createApp(Frame).use(valetKey, { client }).use(router).mount(root);
