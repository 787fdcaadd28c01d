/**
 * The members of a node as its prototypes have them. A field in a form, and some elements in a document, hide the member that has their
 * name: `<input name="dataset">`.
 */

/** @type {ProxyHandler<Node>} */
const FROM_PROTOTYPES = {
  get(node, name) {
    const member = Reflect.get(Object.getPrototypeOf(node), name, node);
    return typeof member === 'function' ? member.bind(node) : member;
  },
  set: (node, name, value) => Reflect.set(Object.getPrototypeOf(node), name, value, node),
};

/**
 * A view of a node, for its members alone: it is not the node itself.
 * @template {Node} T @param {T} node @returns {T}
 */
export const native = (node) => new Proxy(node, /** @type {ProxyHandler<T>} */ (FROM_PROTOTYPES));
