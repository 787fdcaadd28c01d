/** The users that can sign in. The password is not secret: the login page shows it. */

export const PASSWORD = 'wonderland';

export const USERS = {
  alice: { name: 'Alice Liddell', email: 'alice@example.com' },
  bob: { name: 'Bob Builder', email: 'bob@example.com' },
};

/** The provider's claims about a user, or `undefined` if there is no such user. */
export function claimsOf(sub) {
  if (!Object.hasOwn(USERS, sub)) return undefined;
  const { name, email } = USERS[sub];
  return { sub, name, preferred_username: sub, email, email_verified: true };
}

export function passwordFits(user, password) {
  return Object.hasOwn(USERS, user) && password === PASSWORD;
}
