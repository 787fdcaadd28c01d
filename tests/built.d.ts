/** What the build puts into the worker. */
declare const __WASM_INTEGRITY__: string;
