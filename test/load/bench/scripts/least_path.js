// The least that a script can do to name a file: one variable, one read of the dictionary; nothing checked.
function js_pair(r) {
  var name = r.variables.ssl_server_name;
  return ngx.shared.certs.get(name) || keep(name);
}

function keep(name) {
  var path = '/etc/nginx/certs/' + name + '.pem';
  ngx.shared.certs.set(name, path);
  return path;
}

export default { js_pair };
