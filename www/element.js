/** Makes elements. Text stays text: nothing that a server said becomes markup. */

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {...(Node | string | null | false | undefined)} children
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child || child === ''));
  return made;
}

/** @param {string} id */
export function byId(id) {
  return document.getElementById(id);
}
