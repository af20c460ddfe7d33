// All that a handshake served from the zone does not need. The build puts it into one function, made at the first call
// of one of these: see esbuild.config.mjs.
export { resolve } from './certs/resolve';
export { clear_cache } from './admin/clear';
export { clear_stream } from './admin/clear_stream';
export { delete_cert } from './admin/delete';
export { list_certs } from './admin/list';
export { metrics } from './admin/metrics';
export { put_cert } from './admin/put';
export { admin } from './admin/router';
export { scan } from './scan/scan';
export { follow } from './etcd/follow';
