-- The helper functions of job code: tm.re, tm.text, tm.time, ... Each namespace is loaded when a script names it first, as
-- most jobs use few of them. What the analysis of operators needs to know of them (types of results) is said here.
local freeze = require "tidemill.freeze"
local known = require "codegen.known"
local values = require "codegen.values"

local library = {}

---Namespaces and functions that `tm` has from here.
library.names = { "decode", "encode", "geo", "hash", "ip", "mask", "number", "re", "text", "time", "url" }

local MODULES = { re = "library.regex" }
for _, name in ipairs(library.names) do MODULES[name] = MODULES[name] or "library." .. name end

local RESULTS = {
  string = values.STRING, text = values.TEXT, keeps = values.STRING, double = values.NUMBER, bool = values.BOOL,
  int = values.of("int"), timestamp = values.of("timestamp"), int64 = values.of("int64"), number = values.NUMBER,
}

-- Types by the names of functions: "text" is UTF-8 for sure, "keeps" is when the strings given are, "number" is what it is
-- given. `makes`: functions that give tables, with the fields of those. `takes`: functions whose first argument may be a slice;
-- of those "keeps" may give one.
local function learn(functions, results, makes, takes)
  for name in takes:gmatch("[%w_]+") do known.takes[assert(functions[name], name)] = 1 end
  for kind, names in pairs(results) do
    for name in names:gmatch("[%w_]+") do
      local fn = assert(functions[name], name)
      known.results[fn] = kind == "keeps" and known.takes[fn] and values.SLICE or RESULTS[kind]
      if kind == "keeps" then known.keeps[fn] = true end
      if kind == "number" then known.of_number[fn] = true end
    end
  end
  for name, fields in pairs(makes) do
    local made = { fields = {}, names = {} }
    for field, kind in fields:gmatch("([%w_]+) ([%w_]+)") do
      made.fields[field] = RESULTS[kind]
      made.names[#made.names + 1] = field
    end
    known.makes[functions[name]] = made
  end
end

local loaded = {}

---The namespace or function of a name; nil when `tm` has none of that name from here.
---@param name any
function library.get(name)
  if loaded[name] ~= nil or not MODULES[name] then return loaded[name] end
  local module = require(MODULES[name])
  if module.call then
    loaded[name] = module.call
  else
    learn(module.functions, module.results, module.makes or {}, module.takes or "")
    loaded[name] = freeze.table(module.name, module.functions,
      require("library.context").unknown("there is no " .. module.name .. ".%s", module.functions))
  end
  return loaded[name]
end

return library
