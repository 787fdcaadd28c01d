/**
 * What this copy of the worker's script is. The script of the package's folder `guard` is pinned: its options come from a file beside
 * it. `valet-key copy --guard` copies it as it is, for a guard. `valet-key copy --options` writes a first line that sets a mark: such a
 * copy has no guard.
 */

/** Whether a guard serves this worker, or this is the guard. No page can set a variable of a worker. */
export const isGuarded = __IS_PINNED__ && !('valetKeyHasNoGuard' in globalThis);
