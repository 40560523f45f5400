-- Errors that user code causes while rows run: tables { code, message, where, hint } as lua/tidemill/fault.lua makes
-- them, so that the operator's accounts name the right code and the message the user's own line.
local fault = require "tidemill.fault"
local utf8 = require "tidemill.utf8"

local problem = {}

-- How the names of the engine's own chunks begin: "=tidemill:" in the binary, "@path/of/lua/" in the tree. Those of job
-- code begin with "@" and the script's path.
local OURS = debug.getinfo(1, "S").source:match("^(.*)codegen[/.]problem")

---Does this chunk name belong to the engine?
function problem.is_engine(source) return source:sub(1, #OURS) == OURS end

---"job.lua:12" of the innermost frame that is neither ours nor C.
function problem.where()
  for level = 3, 40 do
    local info = debug.getinfo(level, "Sl")
    if not info then return "" end
    local source = info.source
    if source:sub(1, 1) == "@" and info.currentline > 0 and not problem.is_engine(source) then
      return ("%s:%d"):format(source:sub(2), info.currentline)
    end
  end
  return ""
end

---Raises at the line of user code that is running.
---@param code string name in core/base/errors.def
function problem.raise(code, message, hint)
  error(fault.new(code, problem.where(), message, hint), 0)
end

---A value for a message: `"text"`, `12`, `a table`.
function problem.show(value)
  local t = type(value)
  if t == "string" then
    if #value > 40 then value = value:sub(1, 37):gsub("[\192-\255][\128-\191]*$", "") .. "..." end
    return ('"%s"'):format((utf8.scrub(value):gsub("%c", "?")))
  end
  if t == "number" or t == "boolean" or t == "nil" then return tostring(value) end
  if t == "cdata" then
    local text = tostring(value)
    if text:sub(1, 6) ~= "cdata<" then return text end
    return "a record"
  end
  return "a " .. t
end

---The same where the type matters: an int64 and a decimal look like numbers.
function problem.show_typed(value)
  if type(value) ~= "cdata" then return problem.show(value) end
  local kind = require("codegen.fit").type_of(value)
  if not kind then return problem.show(value) end
  if require("codegen.records").is(value) then return "a record" end
  if require("codegen.views").type_of(value) then return ("%s (%s)"):format(kind, problem.show(value)) end
  return ("%s (%s)"):format(kind == "int64" and "an int64" or "a decimal", problem.show(value))
end

return problem
