// The plain approach, to compare with: two variables, one dictionary entry per file, nothing checked.
import fs from 'fs';

function read(r, kind) {
  var file = r.variables.ssl_server_name + '.' + kind + '.pem';
  var pem = ngx.shared.certs.get(file);
  if (pem === undefined) {
    pem = fs.readFileSync('/etc/nginx/certs/' + file, 'utf8');
    ngx.shared.certs.set(file, pem);
  }
  return pem;
}

function js_cert(r) {
  return read(r, 'cert');
}

function js_key(r) {
  return read(r, 'key');
}

function clear_cache(r) {
  ngx.shared.certs.clear();
  r.return(200);
}

export default { js_cert, js_key, clear_cache };
