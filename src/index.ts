import { clear_cache } from './admin/clear';
import { clear_stream } from './admin/clear_stream';
import { delete_cert } from './admin/delete';
import { list_certs } from './admin/list';
import { metrics } from './admin/metrics';
import { put_cert } from './admin/put';
import { admin } from './admin/router';
import { follow } from './etcd/follow';
import { js_cert, js_cert_rsa, js_key, js_key_rsa, js_pair, js_pair_rsa } from './handshake';
import { scan } from './scan/scan';

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
