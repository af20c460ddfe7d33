-- PEM in a shared dictionary, parsed in every handshake: a renewal is visible at once.
local ssl = require "ngx.ssl"
local read = require "files"

return function()
  local name = ssl.server_name()
  assert(ssl.clear_certs())
  assert(ssl.set_cert(assert(ssl.parse_pem_cert(read(name, "cert")))))
  assert(ssl.set_priv_key(assert(ssl.parse_pem_priv_key(read(name, "key")))))
end
