/** The command that makes and checks client ID metadata documents. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { command as run } from '../support/command.mjs';

const URL_OF_DOCUMENT = 'https://app.example.com/notes/client.json';

/** What the command says of a document. */
async function checked(text) {
  const folder = await mkdtemp(join(tmpdir(), 'valet-key-'));
  const file = join(folder, 'client.json');
  await writeFile(file, text);
  const result = await run('document', URL_OF_DOCUMENT, '--check', file);
  await rm(folder, { recursive: true });
  return result;
}

test('MULTI-16 P1: a client ID metadata document is made, and passes its own check', async () => {
  const { code, out } = await run('document', URL_OF_DOCUMENT, '--name', 'Notes');
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(out), {
    client_id: URL_OF_DOCUMENT,
    client_name: 'Notes',
    client_uri: 'https://app.example.com/',
    redirect_uris: ['https://app.example.com/notes/'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'web',
  });
  assert.equal((await checked(out)).code, 0);
  const pages = ['https://app.example.com/a', 'http://localhost:5173/'];
  const more = await run(
    'document',
    URL_OF_DOCUMENT,
    '--name',
    'N',
    ...pages.flatMap((page) => ['--redirect-uri', page]),
  );
  assert.deepEqual(JSON.parse(more.out).redirect_uris, pages);
});

test('MULTI-16 P1: a document that a provider would refuse is named with the repair', async () => {
  const good = JSON.parse((await run('document', URL_OF_DOCUMENT, '--name', 'Notes')).out);
  const rows = [
    ['not JSON', /not JSON/],
    ['[]', /not a JSON object/],
    [{ client_id: 'https://app.example.com/notes/client.json?v=2' }, /`client_id`.*must be https/],
    [{ client_id: undefined }, /`client_id`/],
    [{ token_endpoint_auth_method: 'client_secret_basic' }, /`token_endpoint_auth_method` is client_secret_basic/],
    [{ token_endpoint_auth_method: undefined }, /`token_endpoint_auth_method`/],
    [{ client_secret: 'x' }, /`client_secret`/],
    [{ redirect_uris: [] }, /`redirect_uris`/],
    [{ redirect_uris: ['https://evil.example/'] }, /`redirect_uris`.*origin/],
    [{ redirect_uris: ['http://app.example.com/'] }, /`redirect_uris`.*https/],
    [{ redirect_uris: ['https://app.example.com/#/cb'] }, /fragment/],
    [{ redirect_uris: [7] }, /not a URL/],
    [{ redirect_uris: ['https://app.example.com/cb#'] }, /fragment/],
    [{ redirect_uris: ['https://app.example.com:443/a/../cb'] }, /normal form\. Write https:\/\/app\.example\.com\/cb/],
    [{ redirect_uris: ['https://u:p@app.example.com/'] }, /user/],
    [{ client_name: 5 }, /`client_name`/],
    [{ grant_types: 'authorization_code' }, /`grant_types`/],
    [{ response_types: {} }, /`response_types`/],
    [{ grant_types: ['implicit'] }, /authorization_code/],
    [{ response_types: ['token'] }, /`response_types`/],
  ];
  for (const [change, expected] of rows) {
    const text = typeof change === 'string' ? change : JSON.stringify({ ...good, ...change });
    const { code, error } = await checked(text);
    assert.equal(code, 1, text);
    assert.match(error, expected);
    assert.doesNotMatch(error, /\bat .*:\d+:\d+/, 'no stack');
  }
});

test('MULTI-16 P1: a URL that can be no client ID is named with the repair', async () => {
  const rows = [
    ['http://app.example.com/client.json', /https/],
    ['https://app.example.com', /https:\/\/app\.example\.com\//],
    ['https://app.example.com/client.json#f', /fragment/],
    ['https://u:p@app.example.com/client.json', /user/],
    ['https://app.example.com/a/../client.json', /https:\/\/app\.example\.com\/client\.json/],
    ['https://app.example.com/a/%2e%2e/client.json', /https:\/\/app\.example\.com\/client\.json/],
    ['client.json', /not a URL/],
  ];
  for (const [url, expected] of rows) {
    const { code, error } = await run('document', url, '--name', 'Notes');
    assert.equal(code, 1, url);
    assert.match(error, expected);
  }
  for (const parameters of [[], ['paste'], ['document'], ['document', URL_OF_DOCUMENT], ['document', '--unknown']]) {
    const { code, error } = await run(...parameters);
    assert.equal(code, 1, parameters.join(' '));
    assert.match(error, /usage|--name|--unknown|Unknown/);
    assert.doesNotMatch(error, /\bat .*:\d+:\d+/, 'no stack');
  }
  const { code, error } = await run('document', URL_OF_DOCUMENT, '--check', join(tmpdir(), 'there-is-no-such-file'));
  assert.equal(code, 1);
  assert.match(error, /no such file/);
});
