/** The element `<valet-key>`: pages without a script of their own that sign in and show claims and responses of an API. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { useAlbum } from '../support/album.mjs';
import { photos } from '../support/photos.mjs';
import { back, follow } from '../support/popups.mjs';
import { startProvider } from '../support/provider.mjs';
import { story } from '../support/stage.mjs';
import { startStranger } from '../support/stranger.mjs';

const TRUSTED_TYPES = "require-trusted-types-for 'script'; trusted-types valet-key";
const STRICT = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: http://localhost:*; worker-src 'self'; connect-src 'self'; ${TRUSTED_TYPES}`;

/** A policy under which markup of an attacker's would run. */
const LAX = "default-src 'self' 'unsafe-inline' http://localhost:* data:";

/** The line of CSS that the guide has. */
const HIDES =
  'valet-key:not([state]) :is([data-signed-in], [data-signed-out], [data-failed], [data-error]), valet-key [hidden] { display: none !important }';

const PARTS = `
  <p data-starting>One moment …</p>
  <div data-signed-out>
    <p>Signed out</p>
    <button data-sign-in>Sign in</button>
    <button data-sign-in="popup">Popup</button>
  </div>
  <p data-failed="authorization_error">The provider said no.</p>
  <p data-failed="popup_blocked">Please allow popups.</p>
  <p data-error></p>
  <p data-error="code"></p>`;

const SIGNED_IN = `
  <p>Signed in as <span data-claim="sub">nobody</span></p>
  <p>Hello <b data-claim="nickname name">you</b></p>
  <button data-sign-out>Sign out</button>
  <button data-sign-out="revoke">Leave</button>`;

/** @param {import('../support/stage.mjs').Stage} stage @param {string} [more] further attributes */
const attributes = ({ provider, api }, more = '') =>
  `issuer="${provider.issuer}" client-id="demo" scope="openid profile" api="${api.url}" allow-loopback-http ${more}`;

/** Makes the page of a story. @param {import('../support/stage.mjs').Stage} stage @param {string} body */
function serve(stage, body, path = '/www/') {
  const { scripts } = stage.site.settings;
  scripts['/www/parts.css'] = { text: HIDES, type: 'text/css' };
  scripts[path] = {
    text: `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Album</title><link rel="icon" href="data:,">
      <script src="/spy.js"></script><link rel="stylesheet" href="/www/parts.css">
      <script type="module" src="/pkg/element/index.js"></script></head><body>${body}</body></html>`,
    type: 'text/html; charset=utf-8',
  };
}

/** The page of most stories: one element. */
function serveOne(stage, signedIn = '', more = '') {
  serve(
    stage,
    `<valet-key ${attributes(stage, more)}>${PARTS}<section data-signed-in>${SIGNED_IN}${signedIn}</section></valet-key>`,
  );
}

const OPTIONS = { policies: { page: STRICT }, everyEngine: true };

const LIST = (url) => `
  <ul data-fetch="${url}photos" data-items="album.photos">
    <li data-loading>Loading …</li>
    <li data-empty>No photos yet</li>
    <li data-failed><span data-error></span> <button data-reload>Again</button></li>
    <template><li>
      <a data-field-href="page"><img data-field-src="url" data-field-alt="title"><span data-field="title"></span></a>
      <i data-items="tags"><template><em data-field="">?</em></template></i>
      <small data-field="by.name">unknown</small>
    </li></template>
  </ul>`;

const state = (stage) => stage.page.run("async () => document.querySelector('valet-key').getAttribute('state')");
const inRegion = (stage, expression) =>
  stage.page.run(`async () => { const region = document.querySelector('[data-fetch]'); return ${expression}; }`);
const stateOf = (stage, wanted) =>
  stage.page.until(
    `a region that is ${wanted}`,
    async () => (await inRegion(stage, 'region.dataset.state')) === wanted,
  );

const PHOTO =
  'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" width="4" height="4"%3E%3Crect width="4" height="4"/%3E%3C/svg%3E';

story('a page without a script signs in, shows claims, a list and an object, and signs out', OPTIONS, async (stage) => {
  const { page, provider, site } = stage;
  const album = await useAlbum(stage);
  album.answers.photos = {
    album: {
      photos: [
        { title: 'Morning', url: PHOTO, page: 'photos/1', tags: ['sea', 'sun'], by: { name: 'Carol' } },
        { title: 'Noon', url: 'pictures/2.png', page: 'https://example.com/2', tags: [], by: null },
      ],
    },
  };
  album.answers.me = { user: { name: 'Carol', age: 7, isNew: false }, photos: [1, 2] };
  const me = `<dl data-fetch="${album.url}me"><dt data-field="user.name"></dt><dd data-field="user.age"></dd><dd data-field="user.isNew"></dd><dd data-field="photos.length"></dd></dl>`;
  serveOne(stage, LIST(album.url) + me);
  await stage.signIn();
  assert.equal(await state(stage), 'signed-in');
  await page.see('Hello Alice Liddell');
  await page.see('Morning');
  const shown = await inRegion(
    stage,
    `[...region.querySelectorAll(':scope > li:not([hidden])')].map((item) => [
      item.querySelector('span').textContent, item.querySelector('img').getAttribute('src'), item.querySelector('img').alt,
      item.querySelector('a').getAttribute('href'), [...item.querySelectorAll('em')].map((tag) => tag.textContent).join(),
      item.querySelector('small').textContent])`,
  );
  assert.deepEqual(shown, [
    ['Morning', PHOTO, 'Morning', `${album.url}photos/1`, 'sea,sun', 'Carol'],
    ['Noon', `${album.url}pictures/2.png`, 'Noon', 'https://example.com/2', '', 'unknown'],
  ]);
  assert.equal(await inRegion(stage, 'region.getAttribute("aria-busy") + region.dataset.state'), 'falseready');
  await page.until('the object', async () => /Carol\s+7\s+false\s+2/.test(await page.text()));

  await page.click('button', 'Sign out');
  await page.find('heading', 'Sign out?');
  await page.click('button', 'Sign out');
  await page.see('Signed out');
  assert.equal((await page.url()).split('?')[0], site.url);
  assert.equal(await state(stage), 'signed-out');
  const left = await page.run('async () => document.body.innerHTML');
  for (const text of ['Liddell', 'Morning', 'alice']) assert.ok(!left.includes(text), text);
  assert.ok(left.includes('nobody'), 'what the page had at first is back');
  assert.equal(provider.count('token'), 1);
});

story('a popup leaves the page as it is, and the focus goes to the part that appears', OPTIONS, async (stage) => {
  const { page } = stage;
  await useAlbum(stage);
  serveOne(stage);
  await stage.visit();
  await page.run('async () => (globalThis.stays = true)');
  const home = await follow(stage);
  await stage.login('alice');
  await stage.consent();
  await back(stage, home);
  await page.see('Signed in as alice');
  assert.equal(await page.run('async () => globalThis.stays'), true);
  assert.equal(await page.run('async () => document.activeElement.hasAttribute("data-signed-in")'), true);

  await page.click('button', 'Leave');
  await page.see('Signed out');
  assert.equal(await page.run('async () => document.activeElement.hasAttribute("data-signed-out")'), true);
  assert.equal(await page.run('async () => document.querySelector("section").hasAttribute("tabindex")'), false);
});

story('errors are shown with their hint, by code, and until the next action', OPTIONS, async (stage) => {
  const { page } = stage;
  await useAlbum(stage);
  serveOne(stage);
  await stage.visit();
  await page.click('button', 'Sign in');
  await page.find('heading', 'Sign in');
  await page.click('button', 'Cancel');
  await page.see('The provider said no.');
  const text = await page.text();
  assert.match(text, /authorization_error/);
  assert.match(text, /^The .+[.] .+[.]$/m, 'a sentence and a hint');
  assert.doesNotMatch(text, /allow popups|One moment|Signed in/);
  assert.equal(await state(stage), 'failed');
  assert.equal(await page.run('async () => document.querySelector("valet-key").error.code'), 'authorization_error');

  const home = await follow(stage);
  assert.ok(!(await stage.page.driver.getCurrentUrl()).startsWith(stage.site.origin), 'at the provider');
  await stage.login('alice');
  await stage.consent();
  await back(stage, home);
  await page.see('Signed in as alice');
  assert.doesNotMatch(await page.text(), /authorization_error|said no/);
});

story('a region says why its call has failed, loads again, and may be empty', OPTIONS, async (stage) => {
  const { page } = stage;
  const album = await useAlbum(stage);
  serveOne(stage, LIST(album.url));
  await stage.signIn();
  const attempts = [
    [{ status: 403, text: '{}' }, /status 403[.] Check the address/],
    [{ status: 503, text: '' }, /status 503[.] Try again later[.]/],
    [{ status: 200, text: '<p>' }, /not JSON/],
  ];
  await page.see(/status 404/);
  await page.run(`async () => {
    globalThis.told = [];
    const element = document.querySelector('valet-key');
    element.addEventListener('error', ({ error, region }) => told.push(error.code + ' ' + region.localName));
  }`);
  for (const [answer, text] of attempts) {
    album.raw.photos = answer;
    await page.click('button', 'Again');
    await page.see(text);
    await stateOf(stage, 'failed');
  }
  assert.deepEqual(await page.run('async () => told'), ['response_invalid ul', 'server_unavailable ul', 'not_json ul']);
  assert.equal(await state(stage), 'signed-in', 'the session is not concerned');
  album.raw = {};
  album.answers.photos = { album: { photos: [] } };
  await page.click('button', 'Again');
  await page.see('No photos yet');
  assert.doesNotMatch(await page.text(), /not JSON|Loading/);
  assert.equal(await page.has('button', 'Again'), false);

  // An address that is not on the list is not called.
  const count = album.requests.length;
  await inRegion(stage, `region.setAttribute('data-fetch', '${new URL('/v2/photos', album.url).href}')`);
  await page.until('the refusal', async () => (await page.run('async () => told')).includes('request_blocked ul'));
  assert.equal(album.requests.length, count);
});

const MARKUP = '<img src=x onerror="document.title=1"><script>document.title=1</script>';

story(
  'hostile values of a provider and an API become text, and no dangerous address',
  { policies: { page: LAX }, everyEngine: true },
  async (stage) => {
    const { page, provider } = stage;
    const album = await useAlbum(stage);
    provider.settings.alter = (path, body) =>
      path === '/me'
        ? { ...body, name: MARKUP, picture: 'javascript:document.title=1', website: 'data:text/html,<p>' }
        : body;
    album.raw.photos = {
      status: 200,
      text: JSON.stringify({
        photos: [
          'javascript:document.title=1',
          ' jAvA\tscript:document.title=1',
          'data:text/html,<script>document.title=1</script>',
          'vbscript:document.title=1',
          'blob:http://localhost/1',
          'file:///etc/passwd',
        ].map((url) => ({ url, title: MARKUP, nothing: { x: 1 } })),
      }).replace('{"photos"', '{"__proto__":{"polluted":"yes"},"photos"'),
    };
    const paths = [
      '__proto__',
      '__proto__.constructor.name',
      'constructor.name',
      'toString',
      'nothing',
      'title.length',
    ];
    const fields = paths.map((path) => `<b data-field="${path}">safe</b>`).join('');
    serveOne(
      stage,
      `<p id="name" data-claim="name"></p><img id="picture" data-claim-src="picture" alt=""><a id="website" data-claim-href="website" data-claim-title="name">Site</a>
       ${paths.map((path) => `<b data-claim="${path}">safe</b>`).join('')}
       <div data-fetch="${album.url}photos" data-items="photos"><template><p>
         <a data-field-href="url">Link</a><img data-field-src="url" alt="none" data-field-alt="title"><span data-field="title"></span>
         <iframe data-field-src="url" data-field-srcdoc="title" data-field-onload="title"></iframe><embed data-field-src="url"><script data-field="url" data-field-src="url"></script>
         <style data-field="title"></style><a data-field-onclick="url" data-field-style="title">Second</a>${fields}
       </p></template></div>`,
      'claims="userinfo"',
    );
    await stage.signIn();
    await page.until('the claims', async () => (await page.text()).includes(MARKUP));
    await stateOf(stage, 'ready');
    const found = await page.run(`async () => {
      const all = (selector) => [...document.querySelectorAll(selector)];
      return {
        name: all('#name')[0].textContent,
        title: all('#website')[0].title,
        addresses: all('#picture, #website, [data-fetch] :is(a, img, iframe, embed, script)').flatMap((element) => [element.getAttribute('src'), element.getAttribute('href')].filter(Boolean)),
        names: [...new Set(all('[data-fetch] *, #picture, #website').flatMap((element) => element.getAttributeNames()).filter((name) => !name.startsWith('data-')))].sort(),
        texts: [...new Set(all('[data-fetch] span').map((span) => span.textContent))],
        run: all('[data-fetch] :is(script, style)').map((element) => element.textContent).join(''),
        bold: [...new Set(all('b[data-field], b[data-claim]:not([data-claim~="nickname"])').map((element) => element.textContent))],
        documentTitle: document.title,
        polluted: {}.polluted ?? null,
      };
    }`);
    assert.deepEqual(found, {
      name: MARKUP,
      title: MARKUP,
      addresses: [],
      names: ['alt', 'id', 'title'],
      texts: [MARKUP],
      run: '',
      bold: ['safe'],
      documentTitle: 'Album',
      polluted: null,
    });
    assert.equal(await page.run('async () => document.querySelectorAll("img[onerror]").length'), 0);
  },
);

story('elements with the same options share a session, and another provider has its own', OPTIONS, async (stage) => {
  const { page, provider, site } = stage;
  await useAlbum(stage);
  // Another host, because cookies do not distinguish ports.
  const second = await startProvider({ origins: [site.origin], host: '127.0.0.1' });
  try {
    site.settings.connect.push(second.issuer);
    const one = attributes(stage);
    const two = attributes({ provider: second, api: stage.api });
    const content = (name) =>
      `<p data-signed-out>${name} is out <button data-sign-in="popup">${name} in</button></p><p data-signed-in>${name} is <b data-claim="sub"></b><button data-sign-out="revoke">${name} out</button></p>`;
    serve(
      stage,
      `<valet-key ${one}>${content('First')}</valet-key><valet-key ${two}>${content('Second')}</valet-key><valet-key ${one}>${content('Third')}</valet-key>`,
    );
    await page.goto(site.url);
    for (const name of ['First', 'Second', 'Third']) await page.see(`${name} is out`);
    let home = await follow(stage, 'First in');
    await stage.login('alice');
    await stage.consent();
    await back(stage, home);
    await page.see('First is alice');
    await page.see('Third is alice');
    await page.see('Second is out');
    assert.equal(provider.count('token'), 1);

    home = await follow(stage, 'Second in');
    await page.find('heading', 'Sign in');
    await page.fill('User', 'bob');
    await page.fill('Password', 'wonderland');
    await page.click('button', 'Sign in');
    await stage.consent();
    await back(stage, home);
    await page.see('Second is bob');
    await page.see('First is alice');

    await page.click('button', 'Third out');
    await page.see('First is out');
    await page.see('Third is out');
    await page.see('Second is bob');
  } finally {
    await second.close();
  }
});

story('a call is aborted by a sign-out, and when the element or the region goes', OPTIONS, async (stage) => {
  const { page } = stage;
  const album = await useAlbum(stage);
  album.answers.photos = { album: { photos: [] } };
  album.held.add('photos');
  serveOne(stage, LIST(album.url));
  await stage.signIn();
  const aborted = (count) => page.until(`${count} aborted calls`, async () => album.aborted === count);
  const called = (count) => page.until(`${count} calls`, async () => album.count('photos') === count);
  await called(1);
  await page.see('Loading …');
  assert.equal(await inRegion(stage, 'region.getAttribute("aria-busy")'), 'true');

  // An element that moves goes on.
  await page.run(`async () => {
    const wrapper = document.body.appendChild(document.createElement('main'));
    globalThis.element = document.querySelector('valet-key');
    globalThis.first = element.client;
    wrapper.append(element);
    await null;
    document.body.append(element);
  }`);
  await page.see('Loading …');
  assert.equal(await page.run('async () => element.client === first && element.state'), 'signed-in');
  assert.deepEqual([album.count('photos'), album.aborted], [1, 0]);

  await page.run('async () => { globalThis.region = element.querySelector("ul"); region.remove(); }');
  await aborted(1);
  await page.run('async () => element.querySelector("section").append(region)');
  await called(2);
  await page.run('async () => element.remove()');
  await aborted(2);
  assert.equal(await page.run('async () => element.client'), null);
  await page.run('async () => document.body.append(element)');
  await page.see('Loading …');
  await called(3);
  await page.click('button', 'Leave');
  await page.see('Signed out');
  await aborted(3);
  assert.doesNotMatch(await page.text(), /Loading|No photos/);
});

story('content that comes later is filled, and an element that a script makes starts', OPTIONS, async (stage) => {
  const { page, provider } = stage;
  const album = await useAlbum(stage);
  album.answers.me = { name: 'Carol' };
  serveOne(stage);
  await stage.signIn();
  await page.run(`async () => {
    const make = (name, attributes, text = '') => {
      const element = document.createElement(name);
      for (const attribute in attributes) element.setAttribute(attribute, attributes[attribute]);
      element.append(text);
      return element;
    };
    const element = document.querySelector('valet-key');
    element.append(
      make('p', { 'data-claim': 'name' }),
      make('p', { 'data-signed-out': '' }, 'never seen'),
      make('p', { 'data-fetch': '${album.url}me', 'data-field': 'name' }),
    );
    const second = make('valet-key', {});
    document.body.append(second);
    for (const { name, value } of element.attributes) if (name !== 'state') second.setAttribute(name, value);
    second.append(make('p', { 'data-claim': 'sub' }));
    globalThis.second = second;
  }`);
  await page.until('the late claim', async () => (await page.text()).split('Alice Liddell').length === 3);
  await page.until('the late region', async () => /^Carol$/m.test(await page.text()));
  await page.until('the second element', async () => /^alice$/m.test(await page.text()));
  assert.equal(
    await page.run('async () => second.client === document.querySelector("valet-key").client'),
    true,
    'one client for equal options',
  );
  assert.doesNotMatch(await page.text(), /never seen/);
  assert.equal(provider.count('token'), 1);
});

story('before the script has loaded, only the part for the start is shown', OPTIONS, async (stage) => {
  const { page, site } = stage;
  await useAlbum(stage);
  serveOne(stage);
  site.settings.scripts['/pkg/element/index.js'] = null;
  await page.goto(site.url);
  await page.see('One moment …');
  assert.equal((await page.text()).trim(), 'One moment …');
});

story(
  'while a sign-in is completed, buttons are disabled and the part for the start is shown',
  OPTIONS,
  async (stage) => {
    const { page, provider } = stage;
    await useAlbum(stage);
    serveOne(stage);
    const { scripts } = stage.site.settings;
    const html = scripts['/www/'];
    scripts['/www/'] = {
      ...html,
      text: html.text.replace('<p data-starting>', '<button data-sign-in>Always</button>$&'),
    };
    await stage.visit();
    const disabled = () =>
      page.run('async () => document.querySelector("[data-sign-in]")?.getAttribute("aria-disabled")');
    assert.equal(await disabled(), 'false');
    provider.delay('token', 3000);
    await page.click('button', 'Sign in');
    await stage.login('alice');
    await stage.consent();
    await page.until('a disabled button', async () => (await disabled()) === 'true');
    await page.see('One moment …');
    const before = provider.count('authorization');
    await page.click('button', 'Always');
    assert.doesNotMatch(await page.text(), /Signed/);
    await page.see('Signed in as alice');
    assert.equal(provider.count('authorization'), before, 'the click did nothing');
    assert.doesNotMatch(await page.text(), /One moment/);
  },
);

story('pages of a site share a redirect page for popups, and the session', OPTIONS, async (stage) => {
  const { page, site } = stage;
  await useAlbum(stage);
  const more = 'redirect-uri="/www/" restore="vault"';
  serve(stage, `<h1>Redirect page</h1><valet-key ${attributes(stage, more)}>${PARTS}</valet-key>`);
  serve(
    stage,
    `<h1>The album</h1><valet-key ${attributes(stage, more)}>${PARTS}<div data-signed-in>${SIGNED_IN}</div></valet-key>`,
    '/www/album.html',
  );
  await page.goto(`${site.url}album.html?page=2#end`);
  await page.see('Signed out');
  const home = await follow(stage);
  await stage.login('alice');
  await stage.consent();
  await back(stage, home);
  await page.see('Signed in as alice');
  await page.find('heading', 'The album');
  assert.equal(await page.url(), `${site.url}album.html?page=2#end`);
});

story('the page of the guide works as it is copied', OPTIONS, async (stage) => {
  const { page, provider, site } = stage;
  const album = await useAlbum(stage);
  const guide = await readFile(new URL('../../docs/html-only.md', import.meta.url), 'utf8');
  const [html, css] = ['html', 'css'].map((kind) => new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\``, 'ms').exec(guide)[1]);
  const here = html
    .replaceAll('https://api.example.com/v1/', album.url)
    .replace('https://id.example.com', provider.issuer)
    .replace('client-id="my-site"', 'client-id="demo" allow-loopback-http')
    .replaceAll('/valet-key/', '/pkg/')
    .replace('<head>', '<head><script src="/spy.js"></script>');
  site.settings.scripts['/www/'] = { text: here, type: 'text/html; charset=utf-8' };
  site.settings.scripts['/www/site.css'] = { text: css, type: 'text/css' };
  album.answers.photos = {
    photos: photos('alice').map(({ title, svg }) => ({ title, url: `data:image/svg+xml,${encodeURIComponent(svg)}` })),
  };
  await page.goto(site.url);
  await page.see('Sign in to see your photos.');
  await page.click('button', 'Sign in');
  await stage.login('alice');
  await stage.consent();
  await page.see('Signed in as Alice Liddell');
  await page.see('Evening, by alice');
  await stage.picture(`guide ${stage.place.engine}`);
  assert.equal((await page.all('img', /.*/)).length, 3, 'the picture of a user without one is not shown');

  album.answers.photos = { photos: [] };
  await page.reload();
  await page.see('You have no photos yet.');
  await page.click('button', 'Sign out');
  await page.find('heading', 'Sign out?');
  await page.click('button', 'Sign out');
  await page.see('Sign in to see your photos.');
  await stage.picture(`guide signed out ${stage.place.engine}`);
});

story(
  'two elements that have one client with other options refuse to work, whichever was there first',
  OPTIONS,
  async (stage) => {
    const { page, provider } = stage;
    const evil = await startStranger();
    try {
      stage.site.settings.connect.push(evil.url);
      const own = `<valet-key id="own" ${attributes(stage)}>${PARTS}<section data-signed-in>${SIGNED_IN}</section></valet-key>`;
      const injected = `<valet-key ${attributes(stage).replace(stage.api.url, evil.url)}><div data-fetch="${evil.url}steal"></div></valet-key>`;
      for (const body of [injected + own, own + injected]) {
        serve(stage, body);
        await page.goto(stage.site.url);
        await page.see('config_error');
        const states = await page.run(
          "async () => [...document.querySelectorAll('valet-key')].map(({ state }) => state)",
        );
        assert.deepEqual(states, ['failed', 'failed']);
      }
      // Later, the one that works already stays.
      serve(stage, own);
      await stage.signIn();
      await page.run(
        `async (api) => {
      const second = document.getElementById('own').cloneNode();
      second.setAttribute('api', api);
      document.body.append(second);
    }`,
        evil.url,
      );
      await page.until('both states', () =>
        page.run(
          "async () => [...document.querySelectorAll('valet-key')].map(({ state }) => state).join() === 'signed-in,failed'",
        ),
      );
      assert.equal(
        await page.run(
          "async () => (await document.getElementById('own').client.fetch(document.getElementById('own').getAttribute('api') + 'me')).status",
        ),
        200,
      );
      assert.deepEqual(evil.taken, []);
      assert.equal(provider.count('authorization'), 1);
    } finally {
      await evil.close();
    }
  },
);

story('hints name the attributes of the element, on the page and in the console', OPTIONS, async (stage) => {
  const { page, provider, site } = stage;
  await useAlbum(stage);
  const rows = [
    [`issuer="${provider.issuer}" client-id="demo"`, /for a provider on this device, set `allow-loopback-http`/],
    [`issuer="${provider.issuer}" allow-loopback-http client-id=""`, /`client-id`/],
    [`issuer="https://id.example.com" client-id="demo" dpop-algorithm="none"`, /`dpop-algorithm`/],
  ];
  site.settings.scripts['/www/log.js'] = 'globalThis.logged = []; console.error = (...what) => logged.push(what);';
  for (const [attributes, expected] of rows) {
    serve(
      stage,
      `<script src="/www/log.js"></script>
       <valet-key ${attributes}><button data-sign-in>Sign in</button><p data-error></p><p data-error="hint"></p></valet-key>`,
    );
    await page.goto(site.url);
    await page.until('the start', async () => (await state(stage)) !== 'starting');
    if (!expected.test(await page.text())) await page.click('button', 'Sign in');
    await page.see(expected);
    const [text, hint, logged] = await page.run(`async () => [
      ...[...document.querySelectorAll('[data-error]')].map((part) => part.textContent), logged.at(-1)[1]]`);
    for (const one of [text, hint, logged])
      assert.doesNotMatch(one, /`(clientId|allowLoopbackHttp|dpopAlgorithm)\b/, one);
    assert.equal(hint, logged);
    assert.ok(text.endsWith(hint), text);
  }
});

/** Fields that hide the members of their form, as far as the names are those of members. */
const HIDING = [
  ...['dataset', 'getAttribute', 'setAttribute', 'removeAttribute', 'hasAttribute', 'toggleAttribute', 'matches'],
  ...['closest', 'querySelector', 'querySelectorAll', 'textContent', 'childNodes', 'replaceChildren', 'localName'],
  ...['tabIndex', 'focus', 'addEventListener', 'baseURI', 'remove'],
];

story('fields with the names of members of their form hide nothing from the element', OPTIONS, async (stage) => {
  const { page, site } = stage;
  const album = await useAlbum(stage);
  album.answers.photos = { album: { photos: [{ title: 'Morning' }, { title: 'Noon' }] } };
  const fields = HIDING.map((name) => `<input type="hidden" name="${name}">`).join('');
  serve(
    stage,
    `<valet-key ${attributes(stage)}>
      <form data-starting>${fields}One moment …</form>
      <form data-signed-out data-sign-in="redirect">${fields}<p>Signed out</p><button>Sign in</button></form>
      <form data-failed data-error="code">${fields}</form>
      <form data-signed-in data-claim-title="sub">${fields}
        Signed in as <span data-claim="sub">nobody</span>
        <button data-sign-out="revoke">Leave</button>
      </form>
      <form data-fetch="${album.url}photos" data-items="album.photos">${fields}
        <button data-reload>Again</button>
        <p data-failed data-error></p>
        <template><p data-field="title"></p></template>
      </form>
      <div data-fetch="${album.url}photos" data-items="album.photos">
        <template><form data-field-title="title">${fields}<b>Photo</b></form></template>
      </div>
    </valet-key>
    <img name="activeElement" alt="">`,
  );
  const forms = (expression) =>
    page.run(`async () => {
      const all = Document.prototype.querySelectorAll.call(document, 'form');
      const read = (form, name) => Element.prototype.getAttribute.call(form, name);
      return [...all].map((form) => ${expression}).filter((one) => one !== null);
    }`);
  await page.goto(site.url);
  await page.see('Signed out');
  assert.equal(await page.run('async () => document.activeElement.localName'), 'img', 'it is hidden');
  await page.click('button', 'Sign in');
  await stage.login('alice');
  await stage.consent();
  await page.see('Signed in as alice');
  await page.see('Morning');
  await page.until('the titles', async () => (await forms("read(form, 'title')")).join() === 'alice,Morning,Noon');
  assert.deepEqual(await forms("read(form, 'data-state')"), ['ready']);
  album.raw.photos = { status: 200, text: '<p>' };
  await page.click('button', 'Again');
  await page.see(/not JSON/);
  assert.deepEqual(await forms("read(form, 'data-state')"), ['failed']);
  await page.click('button', 'Leave');
  await page.see('Signed out');
  assert.deepEqual(await forms("read(form, 'title')"), [], 'copies are gone, and titles are what they were');
  assert.doesNotMatch(await page.text(), /Morning|alice|One moment/);

  const rival = await page.run(`async () => {
    const [element] = document.querySelectorAll('valet-key');
    const second = element.cloneNode();
    second.setAttribute('api', '/other');
    const image = document.createElement('img');
    image.setAttribute('name', 'querySelectorAll');
    document.body.append(image, second);
    await new Promise((done) => setTimeout(done));
    const { state, error } = second;
    const hidden = typeof document.querySelectorAll;
    image.remove();
    return [hidden, state, error.code];
  }`);
  assert.deepEqual(rival, ['object', 'failed', 'config_error']);
});
