-- Turns whatever was raised into a fault: our own faults pass, a text that Lua made gets its place in the job's files,
-- and what was raised by the engine's own code becomes INTERNAL with a traceback (the only case where one helps). To
-- be used as a message handler: it looks at the stack of the error.
local fault = require "tidemill.fault"
local place = require "tidemill.place"

local trouble = {}

local HINTS = {
  { "attempt to index .*nil value",
    "the value before the dot or colon is nil: check its name, or test it first" },
  { "attempt to call method 'copy' %(a %a+ value%)",
    "a column called copy wins over the method: tm.copy(e) copies the record" },
  { "attempt to call .*nil value", "there is no function of that name there" },
  { "attempt to %a+ .*field 'time' %(a nil value%)",
    'ctx.time is nil where rows have no event time: put :watermark("field") above the key, or count from ctx.now' },
  { "attempt to perform arithmetic on .*nil value",
    "a missing or null field is nil: test it, use (e.field or 0), or declare it `required` at the source" },
  { "attempt to compare .*nil", "a missing or null field is nil: test it before comparing, or declare it `required` at the source" },
  { "attempt to concatenate .*nil value", "a missing or null field is nil: use (e.field or \"\")" },
  { "attempt to concatenate", "tostring(value) makes a text" },
  { "bad argument #1 to '%a+' %(table expected, got cdata%)",
    'lists of records are views: tm.copy(e.tags) is a table, tm.text.join(e.tags, ",") a text' },
  { "bad argument #%d+ to 'm[axin]+' %(number expected, got cdata%)",
    "comparisons of int64 and decimals are exact: a > b and a or b; tonumber(e.field) makes a number (exact up to 2^53)" },
  { "bad argument #%d+ to 'format' %(number expected, got cdata%)",
    "int64 and decimals are texts there, with all their digits: %s; tonumber(e.field) makes a number (exact up to 2^53)" },
  { "bad argument #%d+ to '[^']*' %(number expected, got cdata%)",
    "tonumber(e.field) makes a number of an int64 or a decimal (exact up to 2^53)" },
  { "stack overflow", "a function calls itself without end" },
}

local TONUMBER = "tonumber gives nil for a text that is not a number: use (tonumber(x) or 0), test it first, or say which rows " ..
  "are wrong with :on_error"

local UNSET = 'a state without a default is nil until it is set: tm.value("int", { default = 0 }), or (ctx.state.name:get() or 0)'

-- Is what is nil here what this call gave? The text of the line says so, or that of the variable's own.
---@param call string pattern
local function comes_from(call, message, where)
  if not message:find("nil", 1, true) or message:find("^attempt to call ") or message:find("^attempt to index ") then return false end
  local path, number = (where or ""):match("^(.*):(%d+)$")
  local file = path and place.file("@" .. path)
  if not file then return false end
  if message:find("field '", 1, true) then return false end
  local name = message:match("local '([%w_]+)'") or message:match("upvalue '([%w_]+)'")
  local line = 0
  for text in (file.text .. "\n"):gmatch("(.-)\n") do
    line = line + 1
    local at_line = line == tonumber(number)
    if not name and at_line then return text:find(call) ~= nil end
    if name and line <= tonumber(number) and text:find("%f[%w_]" .. name .. "%s*=%s*" .. call) then return true end
  end
  return false
end

-- Lua's own messages are few: looked at once each, as every row may fail. Those of people hold anything.
local known, count = {}, 0
local KNOWN_MAX = 1000

local function hint_for(message, where)
  if not message:find("attempt to ", 1, true) and not message:find("stack overflow", 1, true)
    and not message:find("bad argument", 1, true) then return nil end
  local key = (where or "") .. message
  local hint = known[key]
  if hint == nil then
    hint = comes_from("tonumber%s*%(", message, where) and TONUMBER
      or comes_from("ctx%.state%.[%w_]+:get%s*%(", message, where) and UNSET or false
    for _, h in ipairs(HINTS) do
      if not hint and message:find(h[1]) then hint = h[2] end
    end
    if count == KNOWN_MAX then known, count = {}, 0 end
    known[key], count = hint, count + 1
  end
  return hint or nil
end

local SHOWN_KEYS, SHOWN_DEPTH = 12, 3

-- A table for a message: { code = 7, why = "bad" }; keys in a fixed order.
local function show(value, depth)
  if type(value) ~= "table" or fault.is(value) then
    return type(value) == "string" and ("%q"):format(value) or require("tidemill.libraries").tostring(value)
  end
  local text = require("tidemill.libraries").tostring(value)
  if text ~= "table" then return text end -- an object, or a table with a text of its own
  if depth > SHOWN_DEPTH then return "{...}" end
  local keys, parts = {}, {}
  for k in next, value do keys[#keys + 1] = k end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
    return type(a) < type(b)
  end)
  for i, k in ipairs(keys) do
    if i > SHOWN_KEYS then
      parts[i] = ("... (%d more)"):format(#keys - SHOWN_KEYS)
      break
    end
    local name = k == i and "" or (type(k) == "string" and k:find("^[%a_][%w_]*$") and k or "[" .. show(k, depth + 1) .. "]") .. " = "
    parts[i] = name .. show(value[k], depth + 1)
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

local function is_engine(message)
  return message:find("^tidemill:[%w%._]+:%d+: ") or message:find("^[%w%._/%-]*lua/tidemill/[%w_]+%.lua:%d+: ")
    or message:find("^[%w%._/%-]*lua/codegen/[%w_]+%.lua:%d+: ")
end

-- What people raise: a text, a value with a text of its own, a table with a `message`; else nothing is known but its type.
local function text_of(err)
  if type(err) == "string" then return err end
  local text = require("tidemill.libraries").tostring(err)
  if type(err) == "number" or type(err) == "cdata" or (type(err) == "table" and text ~= "table") then return text end
  local message = type(err) == "table" and rawget(err, "message")
  if type(message) == "string" then return message end
  return ("error was called with %s, not with a text"):format(type(err) == "table" and "the table " .. show(err, 1) or text)
end

local function convert(code, err)
  if fault.is(err) then return err end
  -- What LuaJIT says where the stack has no room for a handler either.
  if err == "error in error handling" then err = "stack overflow" end
  local message = text_of(err):gsub("'?struct tm_record_%d+'?", "a record")
  if message:find("not enough memory", 1, true) and #message < 80 then
    -- C says more where a limit was reached (core/vm/memory.c); else it is one text beyond what LuaJIT can hold.
    return fault.new("USER_MEMORY", place.split(message) or place.here(), "not enough memory for what the function makes",
      "keep less in tables and captured variables; what is kept between rows belongs in state")
  end
  if is_engine(message) then
    return fault.new("INTERNAL", place.here(), message .. "\n" .. debug.traceback("", 3):gsub("^%s+", ""),
      "this is a bug in tidemill, not in the job")
  end
  local where, rest = place.split(message)
  return fault.new(code, where or place.here(), rest, hint_for(rest, where or place.here()))
end

---Handler for the evaluation of the script.
function trouble.script(err) return convert("SCRIPT_RUN", err) end
---Handler for running chunks.
function trouble.run(err) return convert("USER_CODE", err) end

return trouble
