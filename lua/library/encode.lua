-- tm.encode: values as text that other systems take.
local context = require "library.context"
local codes = require "tidemill.codes"
local decimal = require "codegen.decimal"
local freeze = require "tidemill.freeze"
local int64 = require "codegen.int64"
local list = require "codegen.list"
local null = require "tidemill.null"
local records = require "codegen.records"
local views = require "codegen.views"

local C, T = context.C, context.T
local bytes_of = context.bytes_of
local give, not_text, refuse, failed = context.give, context.not_text, context.refuse, context.failed
local some_text, wrong, give_string = context.some_text, context.wrong, context.give_string
local type, next, rawget, huge = type, next, rawget, math.huge
local type_of, list_length = views.type_of, list.length
local istype = require("ffi").istype
local any = require "codegen.any"
local is_array = any.is_array
local Decimal, Int64 = decimal.type, int64.type

local encode = {}

function encode.base64(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.encode.base64") end
  return (give(C.tm_base64_encode(T, p, len, false), s, "tm.encode.base64"))
end

function encode.base64_url(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.encode.base64_url") end
  return (give(C.tm_base64_encode(T, p, len, true), s, "tm.encode.base64_url"))
end

function encode.hex(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.encode.hex") end
  return (give(C.tm_hex_encode(T, p, len), s, "tm.encode.hex"))
end

function encode.html(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.encode.html") end
  return (give(C.tm_html_encode(T, p, len), s, "tm.encode.html"))
end

function encode.percent(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.encode.percent") end
  return (give_string(C.tm_percent_encode(T, p, len), s, "tm.encode.percent"))
end

-- --- values of a record

-- A table of what a list, map, struct or any of a record holds, or of a record; parts of it stay what they are. Names are texts.
-- nil: it is something else.
local function opened(v)
  local made = {}
  if type_of(v) then
    if views.is_list(v) then
      for i = 1, #v do
        local item = v[i]
        if item == nil then made[i] = null else made[i] = item end
      end
      return any.array(made)
    end
    for k, item in views.pairs(v) do
      if item == nil then made[tostring(k)] = null else made[tostring(k)] = item end
    end
    return made
  end
  if not records.is(v) then return nil end
  for k, item in records.pairs(v) do made[k] = item end
  return made
end

-- The table that is given, or the one that a value of a record is.
local function table_of(t)
  if type(t) == "table" then return freeze.content(t) or t end
  return type(t) == "cdata" and opened(t) or nil
end

-- The length of a list.
local function length_of(t, what)
  local n = list_length(t)
  if n >= 0 then return n end
  local _, why, hint = list.measure(t)
  refuse(("%s takes a list, %s"):format(what, why), hint)
end

-- --- names and values, lists

-- A value of a table as a string; nil for a name without a value.
local function text_of(v, what)
  local t = type(v)
  if t == "string" then return v end
  if t == "number" or istype(Decimal, v) or istype(Int64, v) then return tostring(v) end
  if v == false then return "false" end
  if v == true then return nil end
  refuse(("%s: %s cannot be written"):format(what, t == "cdata" and tostring(v) or "a " .. t), "tm.encode.json writes tables")
end

local held -- luacheck: ignore (what C points into until the text is made)

local function put_pairs(t, what)
  local content = table_of(t)
  if not content or is_array(content) then wrong(what, nil, "a table of names and values", t) end
  held = {}
  C.tm_pairs_begin(T)
  for name, value in next, content do
    if type(name) ~= "string" then refuse(("%s: a table has the key %s"):format(what, tostring(name)), "names are strings") end
    if value ~= null then
      local s = text_of(value, what)
      held[name] = s or true
      local rc = C.tm_pairs_put(T, name, #name, s, s and #s or 0)
      if rc ~= 0 then failed(rc, what) end
    end
  end
end

function encode.pairs(t, between, assign)
  if t == nil then return nil end
  if between == nil then between = " " else some_text(between, "tm.encode.pairs", "between") end
  if assign == nil then assign = "=" else some_text(assign, "tm.encode.pairs", "assign") end
  put_pairs(t, "tm.encode.pairs")
  local n = C.tm_pairs_end(T, between, #between, assign, #assign)
  held = nil
  return (give(n, "", "tm.encode.pairs"))
end

function encode.query(t)
  if t == nil then return nil end
  put_pairs(t, "tm.encode.query")
  local n = C.tm_query_end(T)
  held = nil
  return (give(n, "", "tm.encode.query"))
end

function encode.csv(items, delimiter)
  if items == nil then return nil end
  local content = table_of(items)
  if not content or type(items) == "cdata" and not is_array(content) then wrong("tm.encode.csv", nil, "a list", items) end
  local n = length_of(content, "tm.encode.csv")
  if delimiter == nil then delimiter = "," else some_text(delimiter, "tm.encode.csv", "delimiter") end
  for i = 1, n do
    local v = rawget(content, i)
    local s = (v == nil or v == null) and "" or v == true and "true" or text_of(v, "tm.encode.csv")
    local rc = C.tm_csv_put(T, s, #s, delimiter, #delimiter, i == 1)
    if rc ~= 0 then failed(rc, "tm.encode.csv") end
  end
  if n == 0 then return "" end
  return (give(C.tm_csv_end(T), "", "tm.encode.csv"))
end

-- --- JSON. Tables are walked without recursion, which traces do not take well: `walks` holds the open ones.

local WHAT = "tm.encode.json"

local function put_string(s)
  local rc = C.tm_json_put_string(T, s, #s)
  if rc == context.NONE then refuse(WHAT .. ": a string is not UTF-8", "tm.text.scrub repairs it, tm.encode.base64 keeps bytes") end
  if rc ~= 0 then failed(rc, WHAT) end
end

local function put_literal(s)
  local rc = C.tm_json_put_literal(T, s, #s)
  if rc ~= 0 then failed(rc, WHAT) end
end

local function put_number(x)
  if x ~= x or x == huge or x == -huge then refuse(WHAT .. ": a number is " .. tostring(x) .. ", which JSON does not have") end
  local rc = C.tm_json_put_number(T, x)
  if rc ~= 0 then failed(rc, WHAT) end
end

local function wrong_value(v)
  refuse(("%s: %s cannot be written"):format(WHAT, type(v) == "cdata" and tostring(v) or "a " .. type(v)))
end

-- The length of a list; nil: an object. A table is a list when its keys are whole numbers from 1, or tm.array marks it.
local function json_length(t)
  local n = list_length(t)
  if n > 0 or n == 0 and is_array(t) then return n end
  if n == 0 or not is_array(t) and type(next(t)) == "string" and rawget(t, 1) == nil then return nil end -- put_name sees to its keys
  local _, why, hint = list.measure(t)
  if rawget(t, 1) ~= nil or is_array(t) or list.is_numbered(t) then
    refuse(("%s takes a list, %s"):format(WHAT, why), hint .. "; names of an object are texts")
  end
  return nil
end

-- Writes a value that is no table; gives the table to walk instead for those that are.
local function put(v)
  local t = type(v)
  if t == "string" then put_string(v)
  elseif t == "number" then put_number(v)
  elseif t == "boolean" then put_literal(v and "true" or "false")
  elseif v == nil or v == null then put_literal("null")
  elseif t == "table" then
    local content = freeze.content(v)
    if content and freeze.kind(v) ~= "table" then wrong_value(v) end
    return content or v
  elseif t == "cdata" then
    if istype(Decimal, v) or istype(Int64, v) then put_literal(tostring(v))
    else return opened(v) or wrong_value(v) end
  else wrong_value(v) end
end

local function open(t)
  local n = json_length(t)
  local rc = C.tm_json_open(T, n == nil)
  if rc == codes.ARGUMENT then
    refuse(WHAT .. ": tables are nested more than 1,024 deep", "a table that contains itself has no JSON")
  end
  if rc ~= 0 then failed(rc, WHAT) end
  return n
end

local function put_name(k)
  if type(k) ~= "string" then
    refuse(("%s: a table has the key %s"):format(WHAT, tostring(k)), "a list has the keys 1 to n, an object names")
  end
  local rc = C.tm_json_put_name(T, k, #k)
  if rc == context.NONE then refuse(WHAT .. ": a name is not UTF-8") end
  if rc ~= 0 then failed(rc, WHAT) end
end

local function close()
  local rc = C.tm_json_close(T)
  if rc ~= 0 then failed(rc, WHAT) end
end

local function walk_table(top)
  local tables, lengths, at, depth = { top }, { open(top) or -1 }, { nil }, 1
  at[1] = lengths[1] >= 0 and 0 or nil
  while depth > 0 do
    local t, n = tables[depth], lengths[depth]
    local value
    if n >= 0 then
      local i = at[depth] + 1
      at[depth] = i
      if i <= n then
        value = rawget(t, i)
        if value == nil then value = null end
      end
    else
      local k
      k, value = next(t, at[depth])
      at[depth] = k
      if k ~= nil then put_name(k) end
    end
    if value == nil then
      close()
      at[depth] = nil
      depth = depth - 1
    else
      local inner = put(value)
      if inner then
        depth = depth + 1
        tables[depth], lengths[depth] = inner, open(inner) or -1
        at[depth] = lengths[depth] >= 0 and 0 or nil
      end
    end
  end
end

function encode.json(v)
  C.tm_json_begin(T)
  local top = put(v)
  if top then walk_table(top) end
  return (give(C.tm_json_end(T), "", WHAT))
end

return {
  name = "tm.encode", functions = encode, takes = "base64 base64_url hex percent html",
  results = { text = "base64 base64_url hex percent query json", keeps = "html", string = "pairs csv" },
}
