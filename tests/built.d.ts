/** What the build puts into the worker. */
declare const __WASM_INTEGRITY__: string;
declare const __IS_PINNED__: boolean;
