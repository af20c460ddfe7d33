import { admin, clear_cache, delete_cert, list_certs, metrics, put_cert } from './cold';
import { js_cert, js_key, js_pair } from './handshake';

export default {
  js_cert,
  js_key,
  js_pair,
  clear_cache,
  put_cert,
  delete_cert,
  list_certs,
  metrics,
  admin,
};
