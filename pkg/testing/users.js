/** The users of the test provider, and the claims that each scope releases (OpenID Connect Core §5.4). */

import { configError } from '../errors.js';

/** @typedef {import('./index.d.ts').TestUser} TestUser */

/** The claims of each standard scope. A claim that is in none of them is released with each scope, as a claim of one's own. */
const SCOPES = {
  profile: [
    ...['name', 'family_name', 'given_name', 'middle_name', 'nickname', 'preferred_username', 'profile', 'picture'],
    ...['website', 'gender', 'birthdate', 'zoneinfo', 'locale', 'updated_at'],
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
};

const SCOPED = new Map(Object.entries(SCOPES).flatMap(([scope, claims]) => claims.map((claim) => [claim, scope])));

export class Users {
  /** @type {readonly TestUser[]} */
  list;
  /** Who signs in if the request names no user. @type {TestUser} */
  next;

  /** @param {readonly (TestUser | string)[]} users */
  constructor(users) {
    this.list = users.map((user) => (typeof user === 'string' ? { sub: user } : user));
    const subs = this.list.map(({ sub }) => sub);
    if (!subs.length || subs.some((sub) => typeof sub !== 'string' || !sub) || new Set(subs).size < subs.length)
      throw configError(
        'option `users`: not a list of users',
        "Give each user a `sub` of its own: `[{ sub: 'alice', name: 'Alice' }]`.",
      );
    this.next = this.list[0];
  }

  /** @param {string} sub */
  get(sub) {
    const user = this.list.find((one) => one.sub === sub);
    if (!user) throw configError(`no test user \`${sub}\``, 'Add the user to `users`, or correct the `sub`.');
    return user;
  }

  /** The user whom a request hints at (`login_hint`). @param {string | null} hint */
  hinted(hint) {
    const names = (/** @type {TestUser} */ { sub, email, preferred_username: name }) => [sub, email, name];
    return hint ? this.list.find((user) => names(user).includes(hint)) : undefined;
  }
}

/**
 * The claims that a scope releases.
 * @param {TestUser} user @param {string} scope @param {object} [asked] claims that the request asks for by name (§5.5)
 */
export function claimsOf(user, scope, asked = {}) {
  const scopes = scope.split(' ');
  const isReleased = (/** @type {string} */ name) =>
    !SCOPED.has(name) || scopes.includes(/** @type {string} */ (SCOPED.get(name))) || name in asked;
  return Object.fromEntries(Object.entries(user).filter(([name]) => isReleased(name)));
}
