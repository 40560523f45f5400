-- Turns whatever was raised into a fault: our own faults pass, a text that Lua made gets its place in the job's files,
-- and what was raised by the engine's own code becomes INTERNAL with a traceback (the only case where one helps). To
-- be used as a message handler: it looks at the stack of the error.
local fault = require "tidemill.fault"
local place = require "tidemill.place"

local trouble = {}

local HINTS = {
  { "attempt to index .*%(a nil value%)",
    "the value before the dot or colon is nil: check its name, or test it first" },
  { "attempt to call method 'copy' %(a %a+ value%)",
    "a column called copy wins over the method: tm.copy(e) copies the record" },
  { "attempt to call .*%(a nil value%)", "there is no function of that name there" },
  { "attempt to perform arithmetic on .*%(a nil value%)",
    "a missing or null field is nil: test it, use (e.field or 0), or declare it `required` at the source" },
  { "attempt to compare .*nil", "a missing or null field is nil: test it before comparing, or declare it `required` at the source" },
  { "attempt to concatenate .*%(a nil value%)", "a missing or null field is nil: use (e.field or \"\")" },
  { "attempt to concatenate", "tostring(value) makes a text" },
  { "stack overflow", "a function calls itself without end" },
}

local function hint_for(message)
  for _, h in ipairs(HINTS) do if message:find(h[1]) then return h[2] end end
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
  return ("error was called with %s, not with a text"):format(text)
end

local function convert(code, err)
  if fault.is(err) then return err end
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
  return fault.new(code, where or place.here(), rest, hint_for(rest))
end

---Handler for the evaluation of the script.
function trouble.script(err) return convert("SCRIPT_RUN", err) end
---Handler for running chunks.
function trouble.run(err) return convert("USER_CODE", err) end

return trouble
