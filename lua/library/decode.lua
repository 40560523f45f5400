-- tm.decode: values from text of other systems. What is not of the form gives nil, and why.
local context = require "library.context"
local array = require("codegen.any").array
local int64 = require "codegen.int64"
local null = require "tidemill.null"

local C, T = context.C, context.T
local bytes_of = context.bytes_of
local give, not_text, some_text, failed = context.give, context.not_text, context.some_text, context.failed
local NONE, give_string = context.NONE, context.give_string
local type, sub = type, string.sub
local to_string = require("ffi").string
local Int64 = int64.type

local decode = {}

local function given(n, s, what, why)
  if n == NONE then return nil, why end
  return give_string(n, s, what)
end

function decode.base64(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.decode.base64") end
  return given(C.tm_base64_decode(T, p, len, false), s, "tm.decode.base64", "not base64")
end

function decode.base64_url(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.decode.base64_url") end
  return given(C.tm_base64_decode(T, p, len, true), s, "tm.decode.base64_url", "not base64 of URLs")
end

function decode.hex(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.decode.hex") end
  return given(C.tm_hex_decode(T, p, len), s, "tm.decode.hex", "not pairs of hexadecimal digits")
end

function decode.percent(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.decode.percent") end
  return given(C.tm_percent_decode(T, p, len, false), s, "tm.decode.percent", "a percent sign without two digits")
end

function decode.html(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.decode.html") end
  return (give(C.tm_html_decode(T, p, len), s, "tm.decode.html"))
end

function decode.latin1(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.decode.latin1") end
  return (give_string(C.tm_latin1_decode(T, p, len), s, "tm.decode.latin1"))
end

local BOOLS = {}
for word in ("true yes on 1 t y"):gmatch("%S+") do
  BOOLS[word], BOOLS[word:upper()], BOOLS[word:sub(1, 1):upper() .. word:sub(2)] = true, true, true
end
for word in ("false no off 0 f n"):gmatch("%S+") do
  BOOLS[word], BOOLS[word:upper()], BOOLS[word:sub(1, 1):upper() .. word:sub(2)] = false, false, false
end

function decode.bool(s)
  if type(s) ~= "string" then return not_text(s, "tm.decode.bool") end
  local value = BOOLS[s]
  if value == nil then return nil, "neither true nor false" end
  return value
end

-- --- tokens (core/text/text.ffi.h)

local FALSE, TRUE, NUMBER, STRING, MADE, ARRAY, OBJECT, END, INTEGER = 1, 2, 3, 4, 5, 6, 7, 8, 9

local function text_of(token, s)
  if token.kind == STRING then return sub(s, token.from + 1, token.to) end
  return to_string(T.out + token.from, token.to - token.from)
end

-- Of tokens name, value, name, value; of a name given twice the first counts.
local function pairs_of(count, s)
  local t, tokens = {}, T.tokens
  for i = 0, count - 2, 2 do
    local name = text_of(tokens[i], s)
    if t[name] == nil then
      if tokens[i + 1].kind == TRUE then t[name] = true else t[name] = text_of(tokens[i + 1], s) end
    end
  end
  return t
end

function decode.query(s)
  if type(s) ~= "string" then return not_text(s, "tm.decode.query") end
  local count = C.tm_query_split(T, s, #s)
  if count < 0 then failed(count, "tm.decode.query") end
  return (pairs_of(count, s))
end

function decode.pairs(s, between, assign)
  if type(s) ~= "string" then return not_text(s, "tm.decode.pairs") end
  if between == nil then between = " " end
  if assign == nil then assign = "=" end
  some_text(between, "tm.decode.pairs", "between")
  some_text(assign, "tm.decode.pairs", "assign")
  local count = C.tm_pairs_split(T, s, #s, between, #between, assign, #assign)
  if count == NONE then return nil, "a quote is not closed, or a value has no name" end
  if count < 0 then failed(count, "tm.decode.pairs") end
  return (pairs_of(count, s))
end

function decode.csv(s, delimiter)
  if type(s) ~= "string" then return not_text(s, "tm.decode.csv") end
  if delimiter == nil then delimiter = "," end
  some_text(delimiter, "tm.decode.csv", "delimiter")
  local count = C.tm_csv_split(T, s, #s, delimiter, #delimiter)
  if count == NONE then return nil, "a quote is not closed, or text follows it" end
  if count < 0 then failed(count, "tm.decode.csv") end
  local list, tokens = {}, T.tokens
  for i = 0, count - 1 do list[i + 1] = text_of(tokens[i], s) end
  return list
end

-- --- JSON

local function scalar(token, kind, s)
  if kind == STRING or kind == MADE then return text_of(token, s) end
  if kind == NUMBER then return token.number end
  if kind == TRUE then return true end
  if kind == FALSE then return false end
  if kind == INTEGER then return Int64(token.integer) end
  return null
end

-- A list or an object, with all that is in it. Without recursion, which traces do not take well: `open` holds what is not
-- ended yet. `length` is that of a list, -1 for an object.
local function structure(count, s)
  local tokens = T.tokens
  local top = {}
  local t, length, open, lengths, depth = top, tokens[0].kind == ARRAY and 0 or -1, {}, {}, 0
  local i = 1
  while i < count do
    local kind = tokens[i].kind
    local name
    if kind == END then
      t, length = open[depth], lengths[depth]
      depth = depth - 1
    else
      if length >= 0 then
        length = length + 1
        name = length
      else
        name = text_of(tokens[i], s)
        i = i + 1
        kind = tokens[i].kind
      end
      if kind == ARRAY or kind == OBJECT then
        local inner = {}
        t[name] = inner
        depth = depth + 1
        open[depth], lengths[depth] = t, length
        t, length = inner, kind == ARRAY and 0 or -1
        if length == 0 and tokens[i + 1].kind == END then array(inner) end -- or it would come out as an object
      else
        t[name] = scalar(tokens[i], kind, s)
      end
    end
    i = i + 1
  end
  if tokens[0].kind == ARRAY and top[1] == nil then array(top) end
  return top
end

function decode.json(s)
  if type(s) ~= "string" then return not_text(s, "tm.decode.json") end
  local count = C.tm_json_decode(T, s, #s)
  if count == NONE then
    return nil, ("%s (byte %d)"):format(to_string(C.tm_json_why(T.to)), T.from + 1)
  end
  if count < 0 then failed(count, "tm.decode.json") end
  local kind = T.tokens[0].kind
  if kind == ARRAY or kind == OBJECT then return (structure(count, s)) end
  return (scalar(T.tokens[0], kind, s))
end

local logs = require "library.logs"
for name, fn in pairs(logs.functions) do decode[name] = fn end

return {
  name = "tm.decode", functions = decode, makes = logs.makes, takes = "base64 base64_url hex percent html latin1",
  results = { string = "base64 base64_url hex percent", text = "latin1", keeps = "html", bool = "bool" },
}
