-- Types of columns as text: "int", "decimal(10,2)". The list and its rules are those of core/batch/type.h.
local fault = require "tidemill.fault"
local suggest = require "tidemill.suggest"

local types = {}

local SIMPLE = { bool = true, int = true, int64 = true, double = true, string = true, bytes = true, timestamp = true }
local ALLOWED = { "bool", "int", "int64", "double", "decimal(p,s)", "string", "bytes", "timestamp" }
local LATER = { list = true, map = true, struct = true, any = true }
-- What people of other tools type first.
local ALIASES = {
  boolean = "bool", integer = "int", long = "int64", bigint = "int64", float = "double", number = "double",
  real = "double", str = "string", text = "string", varchar = "string", binary = "bytes", blob = "bytes",
  datetime = "timestamp", date = "timestamp", time = "timestamp", decimal = "decimal(10,2)",
  numeric = "decimal(10,2)", money = "decimal(10,2)",
}

types.UNKNOWN = "?" -- settled by the operator's first real row

---Checks a type and gives its one spelling: `types.parse("decimal( 10, 2 )", ...)` is "decimal(10,2)".
---@param text any as the user gave it
---@param where string place for the fault
---@param what string `schema: field "amount"`
function types.parse(text, where, what)
  local allowed = "; the types are " .. table.concat(ALLOWED, ", ")
  if type(text) ~= "string" then
    fault.raise("TYPE", where, ("%s: a type is a text, given a %s%s"):format(what, type(text), allowed))
  end
  if SIMPLE[text] then return text end
  local p, s = text:match("^decimal%s*%(%s*(%d+)%s*,%s*(%d+)%s*%)$")
  if p then
    p, s = tonumber(p), tonumber(s)
    if p < 1 or p > 38 or s > p then
      fault.raise("TYPE", where,
        ("%s: decimal(p,s) takes p from 1 to 38 and s from 0 to p, given %s"):format(what, text),
        'for money, "decimal(18,2)"')
    end
    return ("decimal(%d,%d)"):format(p, s)
  end
  local head = text:match("^%a+")
  if head and LATER[head] then
    fault.raise("TYPE", where, ("%s: the type %q cannot be used in this version%s"):format(what, text, allowed),
      "leave the field out of the schema, or flatten it where the data is made")
  end
  local name = head or text
  local near = ALIASES[name:lower()] or suggest.nearest(name, { "bool", "int", "int64", "double", "decimal", "string",
    "bytes", "timestamp" })
  if near == "decimal" then near = "decimal" .. (text:match("%(%s*%d+%s*,%s*%d+%s*%)$") or "(10,2)") end
  fault.raise("TYPE", where, ("%s: there is no type %q%s"):format(what, text, allowed),
    near and ('did you mean "%s"?'):format(near))
end

---Precision and scale of a decimal, or nil.
function types.decimal(text)
  local p, s = text:match("^decimal%((%d+),(%d+)%)$")
  if p then return tonumber(p), tonumber(s) end
end

return types
