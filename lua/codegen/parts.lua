-- Parts of lists, maps and structs to the analysis of a function (bytecode.lua): their types, and the way to them from a column
-- of the record. A text that is reached by fields of structs and items of lists alone may be a slice (slice.lua), as long as what
-- leads to it is used for nothing else: a view that goes anywhere else, or may be one of two, gives strings.
local bytecode_of = function() return require "codegen.bytecode" end -- it requires this module
local suggest = require "tidemill.suggest"
local type_text = require "tidemill.type_text"
local values = require "codegen.values"

local parts = {}

local UNKNOWN = values.UNKNOWN

-- A path: names of fields, and this for any item of a list, each ended by "\0".
parts.ITEM = "[]"

---The tree of a value that is a list, map or struct for sure.
---@return tidemill.type?
function parts.tree_of(v)
  local t = values.type_of(v)
  return t and t ~= "?" and t ~= "table" and type_text.is_nested(t) and type_text.tree(t) or nil
end

-- The part `step` of `v`, of this type.
local function part(m, v, step, tree)
  local path = (v.t == "field" and "" or v.view)
  local known = path and m.out.parts[v.p]
  if not known and m.out.parts_unknown then return type_text.is_nested(tree.text) and values.of(tree.text) or UNKNOWN end
  if not known or (tree.kind ~= "string" and not type_text.is_nested(tree.text)) then
    return tree.kind == "string" and values.TEXT or values.of(tree.text)
  end
  path = path .. step .. "\0"
  if tree.kind ~= "string" then return { t = "type", type = tree.text, p = v.p, name = v.name, view = path } end
  known[v.name] = known[v.name] or {}
  local slice = ("%d\0%s\0%s"):format(v.p, v.name, path)
  known[v.name][path] = slice
  return { t = "type", type = "string", text = true, slice = slice }
end

---What a walk over a list or map gives.
function parts.item(m, v, tree)
  local inner = tree.of[#tree.of].type
  if tree.kind == "list" then return part(m, v, parts.ITEM, inner) end
  if m.out.parts_unknown and not (v.t == "field" or v.view) then
    return type_text.is_nested(inner.text) and values.of(inner.text) or UNKNOWN
  end
  return inner.kind == "string" and values.TEXT or values.of(inner.text)
end

---The part of a list, map or struct under a key. A name that a list or struct does not have is an error before any row runs.
---@param key table abstract value
function parts.index(m, v, tree, key, line)
  local bytecode = bytecode_of()
  local name = key.const
  local is_number = values.is_number(values.type_of(key) or "")
  local reads_part = is_number and tree.kind == "list" or (type(name) == "string" and tree.kind == "struct" and tree.by_name[name])
  bytecode.use(m, v, reads_part and bytecode.AS_VIEW or "other")
  if tree.kind == "list" then
    if type(name) ~= "string" then return reads_part and parts.item(m, v, tree) or values.of(tree.of[1].type.text) end
    if name == "copy" then return UNKNOWN end
    bytecode.problem(m, line, "UNKNOWN_FIELD", ("a list has no field %q"):format(name),
      "its items are value[1] to value[#value]; for _, item in ipairs(value) walks over them")
    return UNKNOWN
  end
  if tree.kind == "map" then return name == "copy" and UNKNOWN or parts.item(m, v, tree) end
  if type(name) ~= "string" then return UNKNOWN end
  if reads_part then return part(m, v, name, tree.by_name[name].type) end
  if name ~= "copy" then
    local names = {}
    for i, field in ipairs(tree.of) do names[i] = field.name end
    bytecode.problem(m, line, "UNKNOWN_FIELD", ("there is no field %q; the fields of this struct are %s"):format(name,
      suggest.list(names)), suggest.hint(name, names))
  end
  return UNKNOWN
end

return parts
