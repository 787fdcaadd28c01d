/** What a server writes reaches the page only where it quotes no secret of its exchange, and never at any length. */
import assert from 'node:assert/strict';
import { HOSTILE, call, fresh, outcome, signIn, signedIn } from '../support/cases.mjs';
import { search } from '../support/secrets.mjs';
import { story } from '../support/stage.mjs';

/** How a server may quote: as it is, percent-encoded, as a part of a text of JSON; the latter two also where nothing has to be. */
const SPELLINGS = {
  'as it is': (text) => text,
  'percent-encoded': encodeURIComponent,
  'percent-encoded throughout': (text) =>
    [...Buffer.from(text)].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join(''),
  'JSON-escaped': (text) => JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/'),
  'JSON-escaped throughout': (text) =>
    [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
};

/** A text that may hold something spelled in one of these ways, without the spelling. */
function plain(text) {
  const unescaped = text
    .replace(/\\+u([0-9a-f]{4})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)))
    .replace(/\\+(["\\/])/g, '$1');
  return unescaped.replace(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
}

/** All that the page was told: error, session, events, and what it asked for. */
const TOLD = `async () => JSON.stringify([told, globalThis.client?.session ?? null, globalThis.given ?? null])`;

/** Nothing of what the provider holds secret is in what the page was told. */
async function checkTold({ page, provider }, what) {
  const text = await page.run(TOLD);
  const { issued } = provider;
  const codes = [...issued.codes].map((code) => ['code', code]);
  assert.deepEqual(
    search(
      [...issued.secrets(), ...codes],
      [
        ['what the page was told', text],
        ['what the page was told', plain(text)],
      ],
    ),
    [],
    what,
  );
}

/** What the page was told of the error that it shows. */
const problem = ({ page }) => page.run('async () => told.problem');

/** Plays a sign-in for each way to spell a secret; `change` is given what quotes, in a sentence and bare. */
async function quoting(stage, change, { ways = Object.keys(SPELLINGS), then = async () => {} } = {}) {
  for (const way of ways) {
    const spell = SPELLINGS[way];
    await fresh(stage);
    stage.provider.change = change((secret) => `see ${spell(secret)} of yours`, spell);
    const became = await signIn(stage);
    await checkTold(stage, way);
    await then(became, way);
  }
  stage.provider.change = {};
  assert.equal(await signIn(stage), 'ok', 'afterwards');
  assert.equal(await call(stage), 'ok', 'afterwards');
}

/** The ways that servers use, for what need not be played in all of them. */
const USUAL = { ways: ['as it is', 'percent-encoded', 'JSON-escaped'] };

/** What the last token request held. */
const sent = ({ provider }) => provider.last('/token').form;

/** Refuses at an endpoint, with members that are made when it is asked. */
const refusal = (place, members, type = 'application/json') => ({
  instead: {
    [place]: (response) =>
      response.writeHead(400, { 'content-type': type }).end(JSON.stringify({ error: 'invalid_grant', ...members() })),
  },
});

for (const secret of ['code', 'code_verifier']) {
  story(`TOK-50 P0: an \`error_description\` that quotes the ${secret} reaches no page`, HOSTILE, (stage) =>
    quoting(stage, (quote) => refusal('/token', () => ({ error_description: quote(sent(stage)[secret]) })), {
      then: async (became, way) => {
        const { oauth } = await problem(stage);
        assert.deepEqual([became, oauth.error], ['token_error', 'invalid_grant'], way);
        assert.doesNotMatch(JSON.stringify(oauth), /of yours/, `${way}: the field is left out`);
      },
    }),
  );
}

story(
  'TOK-51 P0: an `error` or an `error_uri` that quotes the code or the verifier reaches no page',
  HOSTILE,
  async (stage) => {
    for (const secret of ['code', 'code_verifier']) {
      await quoting(
        stage,
        (quote, spell) =>
          refusal('/token', () => ({ error_uri: `https://as.test/help?of=${spell(sent(stage)[secret])}` })),
        {
          ...USUAL,
          then: async (became, way) =>
            assert.deepEqual([became, (await problem(stage)).oauth.error], ['token_error', 'invalid_grant'], way),
        },
      );
      await quoting(
        stage,
        (quote, spell) => refusal('/token', () => ({ error: `no-${spell(sent(stage)[secret])}` })),
        USUAL,
      );
    }
  },
);

story(
  'TOK-52 P0: an authorization response that quotes its code in another parameter does not tell the page',
  HOSTILE,
  async (stage) => {
    const beside = (members) => ({
      callback: (query) => {
        const parameters = new URLSearchParams(query);
        for (const [name, value] of Object.entries(members(parameters.get('code')))) parameters.set(name, value);
        return String(parameters);
      },
    });
    for (const change of [
      (quote) => beside((code) => ({ error: 'access_denied', error_description: quote(code) })),
      (quote, spell) =>
        beside((code) => ({ error: 'access_denied', error_uri: `https://as.test/help?of=${spell(code)}` })),
      (quote, spell) => beside((code) => ({ error: `no-${spell(code)}` })),
      (quote, spell) => beside((code) => ({ iss: `https://as.test/${spell(code)}` })),
    ])
      await quoting(stage, change, USUAL);
  },
);

story(
  'TOK-53 P0: a `Content-Type` that quotes the code, the verifier or a token reaches no page',
  HOSTILE,
  async (stage) => {
    const { provider } = stage;
    const typed = (place, secret) => (quote, spell) => ({
      instead: {
        [place]: (response) =>
          response.writeHead(200, { 'content-type': `text/html; of=${spell(secret())}` }).end('<p>no'),
      },
    });
    for (const name of ['code', 'code_verifier'])
      await quoting(
        stage,
        typed('/token', () => sent(stage)[name]),
        USUAL,
      );
    await signedIn(stage);
    for (const [way, spell] of Object.entries(SPELLINGS)) {
      provider.change = typed('refresh', () => provider.last('refresh').form.refresh_token)(undefined, spell);
      await given(stage, 'client.refresh()');
      await checkTold(stage, `a renewal, ${way}`);
      provider.change = typed('/userinfo', () => provider.issued.accessToken)(undefined, spell);
      await given(stage, 'client.userinfo()');
      await checkTold(stage, `UserInfo, ${way}`);
    }
  },
);

/** What the app is given, or the error that it gets, whole. */
const given = ({ page }, action) =>
  page.run(
    `async () => void (globalThis.given = await ${action}.catch((error) => ({ ...error, message: error.message, stack: error.stack })))`,
  );

/** The secrets of a sign-in, of what the token endpoint answers and of what it was sent. */
const secrets = (stage) => [
  ['the access token', (answer) => answer.access_token],
  ['the refresh token', (answer) => answer.refresh_token],
  ['the code', () => sent(stage).code],
  ['the verifier', () => sent(stage).code_verifier],
];

/** Who is signed in is as it should be, if anybody is. */
const asAlice = (stage) => async (became, way) => {
  if (became === 'ok') assert.equal(await stage.page.run('async () => client.session.sub'), 'alice', way);
};

story('TOK-54 P0: a scope that quotes a token, the code or the verifier reaches no page', HOSTILE, async (stage) => {
  const then = asAlice(stage);
  for (const [, of] of [...secrets(stage), ['the ID Token', (answer) => answer.id_token]]) {
    await quoting(
      stage,
      (quote, spell) => ({ token: (answer) => ({ ...answer, scope: `openid ${spell(of(answer))}` }) }),
      { ...USUAL, then },
    );
  }
});

story('TOK-57 P0: a claim that quotes a token, the code or the verifier reaches no page', HOSTILE, async (stage) => {
  const then = asAlice(stage);
  for (const [, of] of secrets(stage)) {
    await quoting(stage, (quote) => ({ claims: (claims, answer) => ({ ...claims, name: quote(of(answer)) }) }), {
      ...USUAL,
      then,
    });
  }
  const deep = (quote, spell) => ({
    claims: (claims, answer) => ({
      ...claims,
      [spell(answer.access_token)]: { deep: [1, quote(answer.access_token)] },
    }),
  });
  await quoting(stage, deep, { then });
});

story('TOK-55 P0: what UserInfo or a renewal quotes of a token reaches no page', HOSTILE, async (stage) => {
  const { provider } = stage;
  await signedIn(stage);
  for (const [way, spell] of Object.entries(SPELLINGS)) {
    for (const [what, change] of [
      ['a claim', { userinfo: (claims, token) => ({ ...claims, name: spell(token) }) }],
      [
        'a claim within another',
        { userinfo: (claims, token) => ({ ...claims, deep: { of: [1, `see ${spell(token)}`] } }) },
      ],
      ['the name of a claim', { userinfo: (claims, token) => ({ ...claims, [spell(token)]: 1 }) }],
      ['the refresh token', { userinfo: (claims) => ({ ...claims, name: spell(provider.issued.refreshToken) }) }],
      [
        'an error',
        refusal('/userinfo', () => ({
          error: 'invalid_request',
          error_description: spell(provider.issued.accessToken),
        })),
      ],
    ]) {
      provider.change = change;
      await given(stage, 'client.userinfo()');
      await checkTold(stage, `${what}, ${way}`);
    }
    provider.change = refusal('refresh', () => ({
      error: 'invalid_request',
      error_description: spell(provider.last('refresh').form.refresh_token),
    }));
    await given(stage, 'client.refresh()');
    await checkTold(stage, `a renewal, ${way}`);
    provider.change = { refresh: (answer) => ({ ...answer, scope: `openid ${spell(answer.refresh_token)}` }) };
    await given(stage, 'client.refresh()');
    await checkTold(stage, `a renewed scope, ${way}`);
    provider.change = {};
    if ((await stage.page.run('async () => client.session')) === null) assert.equal(await signIn(stage), 'ok', way);
    assert.equal(await outcome(stage, 'async () => client.userinfo()'), 'ok', `${way}: afterwards`);
  }
});

/** Control characters: C0, DEL, C1. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/;

story('TOK-56 P0: a text of a million characters is cut, and holds no control characters', HOSTILE, async (stage) => {
  const { provider } = stage;
  const long = `\u001b[31m\u0000\r\n\u0085${'x'.repeat(1e6)}\u0007`;
  const check = async (became, text) => {
    assert.equal(became, 'token_error');
    assert.ok(text.startsWith('[31m') || text.includes('xxx'), 'something of it is there');
    assert.ok(text.length <= 1000, `${text.length} characters`);
    assert.doesNotMatch(text, CONTROLS);
  };
  await fresh(stage);
  provider.change = refusal('/token', () => ({ error_description: long }));
  await check(await signIn(stage), (await problem(stage)).oauth.error_description);

  await fresh(stage);
  provider.change = refusal('/token', () => ({ error_description: '🗝'.repeat(200_000) }));
  assert.equal(await signIn(stage), 'token_error');
  const { error_description: keys } = (await problem(stage)).oauth;
  assert.ok(keys.length <= 1000 && keys.isWellFormed(), `${keys.length} characters`);

  // The same where it comes by the address, and where it is no description.
  await fresh(stage);
  provider.change = {
    callback: (query) => {
      const parameters = new URLSearchParams(query);
      parameters.delete('code');
      return String(
        new URLSearchParams([...parameters, ['error', 'access_denied'], ['error_description', long.slice(0, 8000)]]),
      );
    },
  };
  assert.equal(await signIn(stage), 'authorization_error');
  const { error_description: described } = (await problem(stage)).oauth;
  assert.ok(described.length <= 1000, `${described.length} characters`);
  assert.doesNotMatch(described, CONTROLS);

  for (const members of [{ error: 'x'.repeat(100_000) }, { error_uri: `https://as.test/${'x'.repeat(100_000)}` }]) {
    await fresh(stage);
    provider.change = refusal('/token', () => members);
    await signIn(stage);
    const { message, oauth } = await problem(stage);
    for (const text of [message, ...Object.values(oauth ?? {})])
      assert.ok(String(text).length <= 1200, `${Object.keys(members)}: ${String(text).length} characters`);
  }
});
