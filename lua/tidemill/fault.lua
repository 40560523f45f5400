-- Faults: errors that a person made and can mend. A fault is a table { code, message, where, hint }, so that the host
-- can hand each part to C and nothing has to be cut out of a text. Raised by the builders, by derive and by the
-- sandbox.
local fault = {}

local metatable = { __metatable = false }

-- What a job reads that catches one: a message like Lua's own, on one line. The code's name means nothing outside.
function metatable.__tostring(f)
  local text = f.message
  if f.where ~= "" then text = f.where .. ": " .. text end
  if f.hint ~= "" then text = text .. " (" .. f.hint .. ")" end
  return text
end

-- The faults there are, so that an error table made by user code is never taken for one of ours.
local known = setmetatable({}, { __mode = "k" })

---Makes a fault without raising it.
---@param code string name in core/base/errors.def, for example "ARGUMENT"
---@param where string? "job.lua:12"
---@param message string what was given and what is allowed
---@param hint string? the fix
---@return table fault
function fault.new(code, where, message, hint)
  local f = setmetatable({ code = code, where = where or "", message = message, hint = hint or "" }, metatable)
  known[f] = true
  return f
end

---Raises a fault: `fault.raise("ARGUMENT", "job.lua:3", "map: a function is needed, given nil")`.
function fault.raise(code, where, message, hint)
  error(fault.new(code, where, message, hint), 0)
end

---Is this error value a fault of ours?
function fault.is(value)
  return type(value) == "table" and known[value] == true
end

return fault
