import {
  admin,
  clear_cache,
  clear_stream,
  delete_cert,
  follow,
  list_certs,
  metrics,
  put_cert,
  scan,
} from './cold';
import { js_cert, js_cert_rsa, js_key, js_key_rsa, js_pair, js_pair_rsa } from './handshake';

export default {
  js_cert,
  js_key,
  js_pair,
  js_cert_rsa,
  js_key_rsa,
  js_pair_rsa,
  clear_cache,
  clear_stream,
  put_cert,
  delete_cert,
  list_certs,
  metrics,
  admin,
  scan,
  follow,
};
