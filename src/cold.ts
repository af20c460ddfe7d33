// All that a handshake served from the zone does not need. The build puts it into one function, made at the first call
// of one of these: see esbuild.config.mjs.
export { resolve } from './lookup';
export { clear_cache } from './admin/clear';
