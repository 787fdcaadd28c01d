/** Storage of a provider for its sessions, grants and tokens: in memory, separate for each provider. */

/** @returns {(model: string) => object} the `adapter` option of oidc-provider */
export function memory() {
  /** @type {Map<string, { value: object, until: number }>} */
  const shelf = new Map();
  const read = (key) => {
    const kept = shelf.get(key);
    return kept && kept.until > Date.now() ? kept.value : undefined;
  };

  return (model) => ({
    async upsert(id, value, seconds) {
      shelf.set(`${model}:${id}`, { value, until: seconds ? Date.now() + seconds * 1000 : Infinity });
    },
    async find(id) {
      return read(`${model}:${id}`);
    },
    async findByUid(uid) {
      return values(`${model}:`).find((value) => value.uid === uid);
    },
    async findByUserCode(userCode) {
      return values(`${model}:`).find((value) => value.userCode === userCode);
    },
    async consume(id) {
      const value = read(`${model}:${id}`);
      if (value) value.consumed = Math.floor(Date.now() / 1000);
    },
    async destroy(id) {
      shelf.delete(`${model}:${id}`);
    },
    async revokeByGrantId(grantId) {
      for (const [key, { value }] of shelf) {
        if (key.startsWith(`${model}:`) && value.grantId === grantId) shelf.delete(key);
      }
    },
  });

  function values(prefix) {
    return [...shelf.keys()]
      .filter((key) => key.startsWith(prefix))
      .map(read)
      .filter(Boolean);
  }
}
