-- tm.hash: digests as hexadecimal digits, and hashes that spread keys.
local context = require "library.context"
local int64 = require "codegen.int64"

local C, T = context.C, context.T
local bytes_of = context.bytes_of
local give, not_text, wrong, whole = context.give, context.not_text, context.wrong, context.whole
local some_text = context.some_text
local Int64 = int64.type

local hash = {}

local MD5, SHA1, SHA256, SHA512, SHA224, SHA384 = 0, 1, 2, 3, 4, 5 -- core/text/text.ffi.h

local function digest(kind, s, what)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, what) end
  return (give(C.tm_digest(T, kind, p, len), s, what))
end

function hash.md5(s) return (digest(MD5, s, "tm.hash.md5")) end
function hash.sha1(s) return (digest(SHA1, s, "tm.hash.sha1")) end
function hash.sha224(s) return (digest(SHA224, s, "tm.hash.sha224")) end
function hash.sha256(s) return (digest(SHA256, s, "tm.hash.sha256")) end
function hash.sha384(s) return (digest(SHA384, s, "tm.hash.sha384")) end
function hash.sha512(s) return (digest(SHA512, s, "tm.hash.sha512")) end

local function hmac(kind, s, key, what)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, what) end
  some_text(key, what, "key")
  return (give(C.tm_hmac(T, kind, p, len, key, #key), s, what))
end

function hash.hmac_sha1(s, key) return (hmac(SHA1, s, key, "tm.hash.hmac_sha1")) end
function hash.hmac_sha256(s, key) return (hmac(SHA256, s, key, "tm.hash.hmac_sha256")) end
function hash.hmac_sha512(s, key) return (hmac(SHA512, s, key, "tm.hash.hmac_sha512")) end

function hash.xxh3(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.hash.xxh3") end
  return (give(C.tm_digest_xxh3(T, p, len), s, "tm.hash.xxh3"))
end

function hash.xxh3_int64(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.hash.xxh3_int64") end
  return Int64(C.tm_digest_xxh3_int64(p, len))
end

function hash.bucket(s, n)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.hash.bucket") end
  whole(n, 1, 2 ^ 31 - 1, "tm.hash.bucket", "n")
  return (C.tm_digest_bucket(p, len, n))
end

function hash.crc32(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.hash.crc32") end
  return (C.tm_digest_crc32(p, len))
end

-- The spaces of names that RFC 9562 lists.
local SPACES = {
  dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8", url = "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
  oid = "6ba7b812-9dad-11d1-80b4-00c04fd430c8", x500 = "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
}

function hash.uuid5(s, space)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.hash.uuid5") end
  some_text(space, "tm.hash.uuid5", "space")
  local id = SPACES[space] or space
  local made = give(C.tm_digest_uuid5(T, p, len, id, #id), s, "tm.hash.uuid5")
  if made == nil then wrong("tm.hash.uuid5", "space", 'a UUID, or "dns", "url", "oid", "x500"', space) end
  return made
end

return {
  name = "tm.hash", functions = hash,
  takes = "md5 sha1 sha224 sha256 sha384 sha512 hmac_sha1 hmac_sha256 hmac_sha512 xxh3 xxh3_int64 bucket crc32 uuid5",
  results = { text = "md5 sha1 sha224 sha256 sha384 sha512 hmac_sha1 hmac_sha256 hmac_sha512 xxh3 uuid5", int64 = "xxh3_int64",
    int = "bucket crc32" },
}
