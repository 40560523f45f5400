-- Types of columns as text: "int", "decimal(10,2)". The list and its rules are those of core/batch/type.h.
local fault = require "tidemill.fault"
local suggest = require "tidemill.suggest"
local type_text = require "tidemill.type_text"

local types = {}

local ALLOWED = { "bool", "int", "int64", "double", "decimal(p,s)", "string", "bytes", "timestamp", "list(t)", "map(k,v)",
  "struct(name t, ...)", "any" }
-- What people of other tools type first.
local ALIASES = {
  boolean = "bool", integer = "int", long = "int64", bigint = "int64", float = "double", number = "double",
  real = "double", str = "string", text = "string", varchar = "string", binary = "bytes", blob = "bytes",
  datetime = "timestamp", date = "timestamp", time = "timestamp", decimal = "decimal(10,2)",
  numeric = "decimal(10,2)", money = "decimal(10,2)", array = "list(string)", object = "struct(name string)", row = "struct(name string)",
  record = "struct(name string)", dict = "map(string,string)", table = "any", json = "any", variant = "any",
}

types.UNKNOWN = "?" -- settled by the operator's first real row

---Checks a type and gives its one spelling: `types.parse("decimal( 10, 2 )", ...)` is "decimal(10,2)".
---@param text any as the user gave it
---@param where string place for the fault
---@param what string `schema: field "amount"`
function types.parse(text, where, what)
  local allowed = "; the types are " .. table.concat(ALLOWED, ", ")
  if type(text) ~= "string" then
    fault.raise("TYPE", where, ("%s: a type is a text, given %s%s"):format(what, text == nil and "nothing" or "a " .. type(text),
      allowed), what:find("^tm%.map") and 'for example tm.map("string", "int")'
      or what:find("^tm%.list") and 'for example tm.list("string")' or nil)
  end
  local t, wrong = type_text.parse(text)
  if t then return t.text end
  if not wrong.unknown then
    local given = wrong.message:find("given", 1, true) and "" or (", given %q"):format(text)
    fault.raise("TYPE", where, ("%s: %s%s"):format(what, wrong.message, given), wrong.hint)
  end
  local near = ALIASES[wrong.unknown:lower()] or suggest.nearest(wrong.unknown, type_text.NAMES)
  if near == "decimal" then near = "decimal" .. (text:match("%(%s*%d+%s*,%s*%d+%s*%)$") or "(10,2)") end
  local given = text:sub(1, #wrong.unknown) == wrong.unknown and text or wrong.unknown
  fault.raise("TYPE", where, ("%s: there is no type %q%s"):format(what, given, allowed),
    near and ('did you mean "%s"?'):format(near))
end

---Precision and scale of a decimal, or nil.
function types.decimal(text)
  local p, s = text:match("^decimal%((%d+),(%d+)%)$")
  if p then return tonumber(p), tonumber(s) end
end

return types
