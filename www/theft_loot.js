/** What looks like a token in the texts that a script has collected. A report says what it is and how long, never the token itself. */

/** @typedef {{ what: string, length: number }} Loot */

/** Each with the secret as its first group. The last one leaves out UUIDs, which are names. */
const FORMS = [
  ['in the header `Authorization`', /\b(?:Bearer|DPoP) ([\w.~+/-]{16,}=*)/],
  ['a signed token', /\b(eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})/],
  ['a token', /\b(?:access|refresh|id)_token["']?[:=] ?["']?([\w.~+/-]{16,}=*)/],
  ['a code verifier', /\bcode_verifier["']?[:=] ?["']?([\w.~-]{43,})/],
  ['a random text', /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?!.*[\dA-F]{8}(?:-[\dA-F]{4}){3}-)([\w-]{40,})$/],
];

/** Claims that are random and open nothing: the name of a session at the provider, and a nonce that was used. */
const HARMLESS = new Set(['sid', 'nonce']);

/** @param {Iterable<string>} texts @returns {Loot | null} */
export function lootIn(texts) {
  for (const text of texts) {
    for (const [what, form] of FORMS) {
      const secret = form.exec(text)?.[1];
      if (secret) return { what, length: secret.length };
    }
  }
  return null;
}

/** All texts in a value and in what it leads to, within bounds; the page can breathe meanwhile. */
export async function textsIn(...roots) {
  const texts = new Set();
  const seen = new Set();
  const queue = [...roots];
  let pause = performance.now();
  for (let steps = 0; queue.length && steps < 40_000; steps += 1) {
    if (performance.now() - pause > 12) {
      await new Promise((next) => setTimeout(next));
      pause = performance.now();
    }
    const value = queue.shift();
    if (typeof value === 'string') texts.add(value);
    if (value === null || !/^(object|function)$/.test(typeof value) || seen.has(value) || value instanceof Node)
      continue;
    seen.add(value);
    if (value instanceof Promise) value.catch(() => {});
    if (value instanceof Map || value instanceof Set) queue.push(...value);
    if (value instanceof ArrayBuffer) texts.add(new TextDecoder('latin1').decode(value));
    else if (!ArrayBuffer.isView(value)) queue.push(...membersOf(value));
  }
  return [...texts];
}

/** The values of all own properties, and the prototype. Some objects refuse to be read. */
function membersOf(value) {
  const members = [];
  try {
    members.push(Object.getPrototypeOf(value));
    for (const key of Reflect.ownKeys(value)) {
      if (HARMLESS.has(key)) continue;
      const described = Object.getOwnPropertyDescriptor(value, key);
      if (described && 'value' in described) members.push(described.value);
    }
  } catch {}
  return members;
}
