-- tm.ip: addresses of the internet, of both versions. What is no address gives nil.
local context = require "library.context"
local codes = require "tidemill.codes"

local C, T = context.C, context.T
local bytes_of = context.bytes_of
local give, not_text, wrong, whole = context.give, context.not_text, context.wrong, context.whole
local check_text = context.text
local type, floor = type, math.floor

local ip = {}

function ip.version(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.ip.version") end
  local version = C.tm_ip_version(p, len)
  if version < 0 then return nil end
  return version
end

local KINDS = { "public", "private", "loopback", "link_local", "shared", "multicast", "unspecified", "documentation",
  "reserved" } -- core/text/text.ffi.h

function ip.kind(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.ip.kind") end
  return KINDS[C.tm_ip_kind(p, len)]
end

function ip.is_private(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.ip.is_private") end
  local kind = C.tm_ip_kind(p, len)
  if kind < 0 then return nil end
  return kind == 2
end

function ip.within(s, network)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.ip.within") end
  check_text(network, "tm.ip.within", "network")
  local rc = C.tm_ip_within(p, len, network, #network)
  if rc == codes.ARGUMENT then wrong("tm.ip.within", "network", 'a network ("10.0.0.0/8", "2001:db8::/32")', network) end
  if rc < 0 then return nil end
  return rc == 1
end

function ip.network(s, v4_bits, v6_bits)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.ip.network") end
  if v6_bits == nil then v6_bits = 64 end
  whole(v4_bits, 0, 32, "tm.ip.network", "v4_bits")
  whole(v6_bits, 0, 128, "tm.ip.network", "v6_bits")
  return (give(C.tm_ip_network(T, p, len, v4_bits, v6_bits), s, "tm.ip.network"))
end

function ip.canonical(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.ip.canonical") end
  return (give(C.tm_ip_canonical(T, p, len), s, "tm.ip.canonical"))
end

function ip.to_number(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.ip.to_number") end
  if C.tm_ip_to_number(T, p, len) ~= 0 then return nil end
  return T.number
end

function ip.from_number(x)
  if x == nil then return nil end
  if type(x) ~= "number" or not (x >= 0 and x < 2 ^ 32) or floor(x) ~= x then
    wrong("tm.ip.from_number", nil, "a whole number from 0 to 4294967295", x)
  end
  return (give(C.tm_ip_from_number(T, x), "", "tm.ip.from_number"))
end

return {
  name = "tm.ip", functions = ip, takes = "version kind is_private within network canonical to_number",
  results = { int = "version to_number", text = "kind network canonical from_number", bool = "is_private within" },
}
