import { client, me } from '../../client.js';

export const load = async ({ parent }) => {
  await parent();
  return { user: (await (await client.fetch(me)).json()).user };
};
