-- Parsed certificates in memory of the worker's own: a renewal is visible when they time out.
local ssl = require "ngx.ssl"
local lru = assert(require "resty.lrucache".new(1000))
local read = require "files"

local TIMEOUT = 60

return function()
  local name = ssl.server_name()
  local pair = lru:get(name)
  if not pair then
    pair = {
      cert = assert(ssl.parse_pem_cert(read(name, "cert"))),
      key = assert(ssl.parse_pem_priv_key(read(name, "key"))),
    }
    lru:set(name, pair, TIMEOUT)
  end
  assert(ssl.clear_certs())
  assert(ssl.set_cert(pair.cert))
  assert(ssl.set_priv_key(pair.key))
end
