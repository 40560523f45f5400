-- Values of states whose types have changed since a checkpoint was taken: bytes of the old type become a Lua value, the function that
-- the state declares (migrate) gives the new one, and that becomes bytes. At a restore alone, value by value.
local ffi = require "ffi.init"
local arena = require "codegen.arena"
local decimal = require "codegen.decimal"
local fault = require "tidemill.fault"
local fit = require "codegen.fit"
local int64 = require "codegen.int64"
local layout = require "ffi.layout"
local problem = require "codegen.problem"
local rows = require "codegen.rows"
local views = require "codegen.views"

local migrate = {}

local Slot, Bytes = ffi.typeof("struct tm_decimal_slot[1]"), ffi.typeof("const uint8_t *")
local doubles, ints, decimals = ffi.typeof("const double *"), ffi.typeof("const int64_t *"), ffi.typeof("const struct tm_decimal_slot *")

-- As user code sees it.
local function read(type_name, text)
  local kind, _, scale = layout.parse_type(type_name)
  local at = ffi.cast(Bytes, text)
  if kind == "double" then return ffi.cast(doubles, at)[0] end
  if kind == "bool" then return ffi.cast(ints, at)[0] ~= 0 end
  if kind == "int" or kind == "timestamp" then return tonumber(ffi.cast(ints, at)[0]) end
  if kind == "int64" then return int64.type(ffi.cast(ints, at)[0]) end
  if kind == "decimal" then
    local slot = ffi.cast(decimals, at)
    return decimal.type(slot.low, slot.high, scale)
  end
  if not layout.is_view(type_name) then return text end
  arena.begin()
  arena.open(0)
  arena.text(text)
  return views.value(type_name, arena.state.base, #text)
end

local slot = Slot()

-- A value that fit.value gave, as bytes of its type.
local function write(type_name, value)
  local kind = layout.parse_type(type_name)
  if rows.is_stored(value) then return value.bytes end
  if kind == "string" or kind == "bytes" then return value end
  if kind == "double" then ffi.cast("double *", slot)[0] = value
  elseif kind == "bool" then ffi.cast("int64_t *", slot)[0] = value and 1 or 0
  elseif kind == "int" or kind == "timestamp" then ffi.cast("int64_t *", slot)[0] = value
  elseif kind == "int64" then ffi.cast("int64_t *", slot)[0] = value.value
  else slot[0].low, slot[0].high = value.low, value.high end
  return ffi.string(slot, kind == "decimal" and 16 or 8)
end

local function state_of(node, name)
  for _, list in ipairs { node.states or {}, node.broadcast or {}, node.operator or {}, node.window_states or {} } do
    for _, state in ipairs(list) do
      if state.name == name and state.migrate then return state end
    end
  end
  fault.raise("INTERNAL", node.where, ("%s: no state %q migrates"):format(node.name, name))
end

---@param node table of a process
---@param name string of the state
---@param old_type string of its values in the checkpoint
---@param text string the bytes of one
---@return string? bytes of the value in the state's type; nil: there is none
function migrate.value(node, name, old_type, text)
  local state = state_of(node, name)
  local made = state.migrate(read(old_type, text))
  local fits, value = fit.value({ name = name, type = state.type }, made)
  if not fits then
    fault.raise("TYPE", state.where, ("it gave %s, and the state is of type %s"):format(problem.show(made), state.type))
  end
  if value == nil then return nil end
  return write(state.type, value)
end

return migrate
