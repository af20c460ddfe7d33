-- Reads a name's files, once for all workers: what both ways of doing it in Lua begin with.
local zone = ngx.shared.certs

return function(name, kind)
  local key = name .. "." .. kind
  local pem = zone:get(key)
  if not pem then
    local file = assert(io.open("/etc/nginx/certs/" .. key .. ".pem"))
    pem = file:read("*a")
    file:close()
    assert(zone:set(key, pem))
  end
  return pem
end
