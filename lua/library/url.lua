-- tm.url: URLs taken apart: absolute ones, and references as logs of requests hold them (/path?query). What is none gives
-- nil, and so does a part that it does not have.
local context = require "library.context"

local C, T = context.C, context.T
local bytes_of, text = context.bytes_of, require("codegen.slice").text
local give, not_text, some_text, failed = context.give, context.not_text, context.some_text, context.failed
local type, tonumber, sub = type, tonumber, string.sub

local url = {}

local SCHEME, USER, PASSWORD, HOST, PORT, PATH, QUERY, FRAGMENT = 0, 1, 2, 3, 4, 5, 6, 7 -- core/text/text.ffi.h

local function part(s, number, what)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, what) end
  return (give(C.tm_url_part(T, p, len, number), s, what))
end

function url.scheme(s) return (part(s, SCHEME, "tm.url.scheme")) end
function url.user(s) return (part(s, USER, "tm.url.user")) end
function url.host(s) return (part(s, HOST, "tm.url.host")) end
function url.path(s) return (part(s, PATH, "tm.url.path")) end
function url.query(s) return (part(s, QUERY, "tm.url.query")) end
function url.fragment(s) return (part(s, FRAGMENT, "tm.url.fragment")) end

function url.port(s)
  local port = part(s, PORT, "tm.url.port")
  return port and tonumber(text(port))
end

function url.param(s, name)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.url.param") end
  some_text(name, "tm.url.param", "name")
  return (give(C.tm_url_param(T, p, len, name, #name), s, "tm.url.param"))
end

local function span(s, spans, number)
  local from = spans[2 * number]
  if from < 0 then return nil end
  return sub(s, from + 1, spans[2 * number + 1])
end

function url.parse(s)
  if type(s) ~= "string" then return not_text(s, "tm.url.parse") end
  local rc = C.tm_url_split(T, s, #s)
  if rc < 0 then
    if rc ~= context.NONE then failed(rc, "tm.url.parse") end
    return nil, "not a URL"
  end
  local spans = T.spans
  local port = span(s, spans, PORT)
  return { scheme = span(s, spans, SCHEME), user = span(s, spans, USER), password = span(s, spans, PASSWORD),
    host = span(s, spans, HOST), port = port and tonumber(port), path = span(s, spans, PATH), query = span(s, spans, QUERY),
    fragment = span(s, spans, FRAGMENT) }
end

return {
  name = "tm.url", functions = url, takes = "scheme user host port path query fragment param",
  makes = { parse = "scheme keeps, user keeps, password keeps, host keeps, port int, path keeps, query keeps, fragment keeps" },
  results = { keeps = "scheme user host path query fragment", string = "param", int = "port" },
}
