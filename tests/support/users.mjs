/** Who can sign in. The password is no secret: it stands on the login page. */

export const PASSWORD = 'wonderland';

export const USERS = {
  alice: { name: 'Alice Liddell', email: 'alice@example.com' },
  bob: { name: 'Bob Builder', email: 'bob@example.com' },
};

/** What the provider can say of a user, or `undefined` if there is no such user. */
export function claimsOf(sub) {
  if (!Object.hasOwn(USERS, sub)) return undefined;
  const { name, email } = USERS[sub];
  return { sub, name, preferred_username: sub, email, email_verified: true };
}

export function passwordFits(user, password) {
  return Object.hasOwn(USERS, user) && password === PASSWORD;
}
