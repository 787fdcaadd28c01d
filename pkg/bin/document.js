/**
 * `valet-key document`: makes and checks a client ID metadata document, with which an app is a client of every provider that supports
 * such documents, without a registration (draft-ietf-oauth-client-id-metadata-document).
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Mistake, expect } from './mistake.js';

export const USAGE = `usage: valet-key document URL --name NAME [--redirect-uri PAGE …] > FILE
       valet-key document URL --check FILE

Makes or checks a client ID metadata document. URL is the address at which the document will be served, and the \`clientId\` of the
app. PAGE is a redirect page; default: the folder of URL. --redirect-uri may be repeated.`;

/** @param {unknown} text @returns {URL | undefined} */
function parsed(text) {
  try {
    return typeof text === 'string' ? new URL(text) : undefined;
  } catch {
    return undefined;
  }
}

/** The URL of a document (§3), spelled as every provider spells it. @param {string} text */
function documentUrl(text) {
  const url = parsed(text);
  expect(url, `${text} is not a URL. Write https://, the host and the path of the document.`);
  expect(url.protocol === 'https:', `${text} does not begin with https://.`);
  expect(!url.username && !url.password, `${text} has a user or a password. Remove it.`);
  expect(!text.includes('#'), `${text} has a fragment. Remove \`#\` and what follows.`);
  expect(url.href === text, `${text} is not in its normal form. Write ${url.href}`);
  return url;
}

/** @param {unknown} page @param {URL} url of the document */
function checkRedirectUri(page, url) {
  const target = parsed(page);
  expect(target, `\`redirect_uris\`: ${page} is not a URL.`);
  const isOnDevice = target.protocol === 'http:' && /^(localhost|127[.]\d+[.]\d+[.]\d+|\[::1\])$/.test(target.hostname);
  expect(target.protocol === 'https:' || isOnDevice, `\`redirect_uris\`: ${page} is neither https nor on this device.`);
  expect(!target.href.includes('#'), `\`redirect_uris\`: ${page} has a fragment. Remove it.`);
  expect(target.href === page, `\`redirect_uris\`: ${page} is not in its normal form. Write ${target.href}`);
  expect(!target.username && !target.password, `\`redirect_uris\`: ${page} has a user or a password. Remove it.`);
  expect(isOnDevice || target.origin === url.origin, `\`redirect_uris\`: ${page} has another origin than ${url}`);
}

/** @param {any} members of a document @param {URL} url where it is served */
function check(members, url) {
  expect(members && typeof members === 'object' && !Array.isArray(members), 'The document is not a JSON object.');
  expect(members.client_id === url.href, `\`client_id\` is ${members.client_id ?? 'missing'}. It must be ${url}`);
  const name = members.client_name;
  expect(typeof name === 'string' && name.trim(), '`client_name` is missing: the provider shows it to the user.');
  const secret = Object.keys(members).find((name) => name.startsWith('client_secret'));
  expect(!secret, `\`${secret}\`: the document is public. Remove it.`);
  const method = members.token_endpoint_auth_method;
  expect(
    method === 'none',
    `\`token_endpoint_auth_method\` is ${method ?? 'missing'}. It must be none, since a page keeps no secret.`,
  );
  const pages = members.redirect_uris;
  expect(Array.isArray(pages) && pages.length > 0, '`redirect_uris` is missing. List the redirect pages of the app.');
  for (const page of pages) checkRedirectUri(page, url);
  const lists = (/** @type {string} */ name, /** @type {string} */ item) => {
    const list = members[name] ?? [item];
    return Array.isArray(list) && list.includes(item);
  };
  expect(lists('grant_types', 'authorization_code'), '`grant_types` does not list authorization_code.');
  expect(lists('response_types', 'code'), '`response_types` does not list code.');
}

/** @param {string[]} parameters @returns {Promise<string>} what to print */
export async function run(parameters) {
  const { values, positionals } = parseArgs({
    args: parameters,
    allowPositionals: true,
    options: {
      name: { type: 'string' },
      'redirect-uri': { type: 'string', multiple: true },
      check: { type: 'string' },
    },
  });
  expect(positionals.length === 1, USAGE);
  const url = documentUrl(positionals[0]);
  if (values.check !== undefined) {
    expect(!values.name && !values['redirect-uri'], '--check takes no other option.');
    const text = await readFile(values.check, 'utf8');
    let members;
    try {
      members = JSON.parse(text);
    } catch ({ message }) {
      throw new Mistake(`${values.check} is not JSON (or begins with a byte order mark): ${message}`);
    }
    check(members, url);
    return `${values.check} is a valid client ID metadata document for ${url}`;
  }
  expect(values.name, `--name is missing: the provider shows it to the user.\n\n${USAGE}`);
  const members = {
    client_id: url.href,
    client_name: values.name,
    client_uri: `${url.origin}/`,
    redirect_uris: values['redirect-uri'] ?? [new URL('.', url).href],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'web',
  };
  check(members, url);
  return JSON.stringify(members, null, 2);
}
