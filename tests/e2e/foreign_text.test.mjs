/** Text from a server reaches the page only without secrets and in limited length. `tests/vault/foreign.rs` plays every place of such a text. */
import assert from 'node:assert/strict';
import { ON_HOST, call, fresh, outcome, signIn, signedIn } from '../support/cases.mjs';
import { search } from '../support/secrets.mjs';
import { story } from '../support/stage.mjs';

/**
 * The ways in which a server may quote a text: as it is, percent-encoded, or as a JSON string; the latter two also with
 * unnecessary escapes.
 */
const SPELLINGS = {
  'as it is': (text) => text,
  'percent-encoded': encodeURIComponent,
  'percent-encoded throughout': (text) =>
    [...Buffer.from(text)].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join(''),
  'JSON-escaped': (text) => JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/'),
  'JSON-escaped throughout': (text) =>
    [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
};

/** A text that may contain encoded parts, with these parts decoded. */
function plain(text) {
  const unescaped = text
    .replace(/\\+u([0-9a-f]{4})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)))
    .replace(/\\+(["\\/])/g, '$1');
  return unescaped.replace(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
}

/** Everything that the page received: error, session, events, and the results of its calls. */
const TOLD = `async () => JSON.stringify([told, globalThis.client?.session ?? null, globalThis.given ?? null])`;

/** Checks that nothing the page received holds a secret of the provider. */
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

/** What the page received about the error that it shows. */
const problem = ({ page }) => page.run('async () => told.problem');

/**
 * Plays a sign-in for each encoding of a secret; `change` gets two functions, which quote the secret in a sentence and
 * alone.
 */
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

/** The encodings that servers use, for stories that need not play all of them. */
const USUAL = { ways: ['as it is', 'percent-encoded', 'JSON-escaped'] };

/** The parameters of the last token request. */
const sent = ({ provider }) => provider.last('/token').form;

/** An error response of an endpoint, with members that are computed at the time of the request. */
const refusal = (place, members, type = 'application/json') => ({
  instead: {
    [place]: (response) =>
      response.writeHead(400, { 'content-type': type }).end(JSON.stringify({ error: 'invalid_grant', ...members() })),
  },
});

for (const secret of ['code', 'code_verifier']) {
  story(`TOK-50 P0: an \`error_description\` that quotes the ${secret} does not reach the page`, ON_HOST, (stage) =>
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
  'TOK-51 P0: an `error` or an `error_uri` that quotes the code or the verifier does not reach the page',
  ON_HOST,
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
  'TOK-52 P0: an authorization response that quotes its code in another parameter does not reach the page',
  ON_HOST,
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
  'TOK-53 P0: a `Content-Type` that quotes the code, the verifier or a token does not reach the page',
  ON_HOST,
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

/** The complete result or error that the app gets. */
const given = ({ page }, action) =>
  page.run(
    `async () => void (globalThis.given = await ${action}.catch((error) => ({ ...error, message: error.message, stack: error.stack })))`,
  );

/** The secrets of a sign-in, from the token request and the token response. */
const secrets = (stage) => [
  ['the access token', (answer) => answer.access_token],
  ['the refresh token', (answer) => answer.refresh_token],
  ['the code', () => sent(stage).code],
  ['the verifier', () => sent(stage).code_verifier],
];

/** If a user is signed in, the session is correct. */
const asAlice = (stage) => async (became, way) => {
  if (became === 'ok') assert.equal(await stage.page.run('async () => client.session.sub'), 'alice', way);
};

story(
  'TOK-54 P0: a scope that quotes a token, the code or the verifier does not reach the page',
  ON_HOST,
  async (stage) => {
    const then = asAlice(stage);
    for (const [, of] of [...secrets(stage), ['the ID Token', (answer) => answer.id_token]]) {
      await quoting(
        stage,
        (quote, spell) => ({ token: (answer) => ({ ...answer, scope: `openid ${spell(of(answer))}` }) }),
        { ...USUAL, then },
      );
    }
  },
);

story(
  'TOK-57 P0: a claim that quotes a token, the code or the verifier does not reach the page',
  ON_HOST,
  async (stage) => {
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
  },
);

story(
  'TOK-55 P0: a quoted token in a UserInfo response or a refresh response does not reach the page',
  ON_HOST,
  async (stage) => {
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
  },
);

/** Control characters: C0, DEL, C1. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/;

story(
  'TOK-56 P0: a text of a million characters is truncated, and its control characters are removed',
  ON_HOST,
  async (stage) => {
    const { provider } = stage;
    const long = `\u001b[31m\u0000\r\n\u0085${'x'.repeat(1e6)}\u0007`;
    const check = async (became, text) => {
      assert.equal(became, 'token_error');
      assert.ok(text.startsWith('[31m') || text.includes('xxx'), 'a part of the text is left');
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

    // The same for a text in the address, and for other parameters than the description.
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
  },
);
