-- Advice about a user function: what keeps its rows from being compiled, and what does not do what its author may
-- think. Read from the bytecode of the function and of the script's functions that it calls (bytecode.lua follows
-- them).
local opcodes = require "codegen.opcodes"
local util = require "jit.util"

local findings = {}

local function path_of(fn) return ((util.funcinfo(fn).source or "="):gsub("^[@=]", "")) end

local USET = { USETV = true, USETS = true, USETN = true, USETP = true }

local function scan(fn, add)
  local path = path_of(fn)
  local info = util.funcinfo(fn)
  if info.isvararg then
    add("NOT_COMPILED", ("%s:%d"):format(path, info.linedefined), "a function with ... cannot be followed or compiled well",
      "name its parameters")
  end
  for _, i in ipairs(opcodes.decode(fn) or {}) do
    local where = ("%s:%d"):format(path, i.line)
    if USET[i.op] then
      add("CAPTURED", where, ("the captured variable '%s' is assigned: every thread has its own, and it is lost at a restart")
        :format(util.funcuvname(fn, i.a) or "?"), "keep values between rows in state: key_by(...):reduce(...)")
    elseif i.op == "GSET" then
      add("CAPTURED", where, ("the global variable '%s' is assigned: every thread has its own, and it is lost at a restart")
        :format(tostring(opcodes.constant(fn, i.d))), "use a local, or state: key_by(...):reduce(...)")
    elseif i.op == "FNEW" then
      add("NOT_COMPILED", where, "a function is made for every row, which is not compiled",
        "define it once, outside of the operator's function")
    elseif i.op == "VARG" and not info.isvararg then
      add("NOT_COMPILED", where, "... is not compiled well", "name the parameters")
    end
  end
end

local SEVERITY = { CAPTURED = "warning", KEPT_RECORD = "warning", NOT_COMPILED = "advice" }

---Findings about an analysed function.
---@param analysis codegen.analysis
---@return table[] { severity, code, where, message, hint } sorted by place
function findings.of(analysis)
  local list, seen = {}, {}
  local function add(code, where, message, hint)
    local key = where .. message
    if seen[key] then return end
    seen[key] = true
    list[#list + 1] = { severity = SEVERITY[code], code = code, where = where, message = message, hint = hint or "" }
  end
  for _, fn in ipairs(analysis.functions) do scan(fn, add) end
  for where, name in pairs(analysis.kept_records) do
    add("KEPT_RECORD", where, ("the record is kept in the captured variable '%s', and is valid during the call only"):format(name),
      "keep a copy: e:copy()")
  end
  for where, kept in pairs(analysis.kept_objects) do
    local name, variable = unpack(kept)
    add("KEPT_RECORD", where, ("%s is kept in the captured variable '%s', and is the call's alone: in a later one it speaks of another key")
      :format(name, variable), ("keep what is needed of it: %s.key, %s.time"):format(name, name))
  end
  for _, s in pairs(analysis.slow_calls) do
    local why = s.why:find("^string patterns") and s.why or s.what .. " " .. s.why
    add("NOT_COMPILED", s.where, (s.why:find("^string patterns") and s.what .. ": " or "") .. why, s.instead)
  end
  table.sort(list, function(a, b)
    if a.where ~= b.where then
      local pa, la = a.where:match("^(.*):(%d+)$")
      local pb, lb = b.where:match("^(.*):(%d+)$")
      if pa == pb and la ~= lb then return tonumber(la) < tonumber(lb) end
      return a.where < b.where
    end
    return a.message < b.message
  end)
  return list
end

return findings
