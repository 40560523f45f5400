-- Generated code that takes values from user code: checks and converts each to its column's type, once, where it is
-- made.
local writer = require "codegen.writer"
local layout = require "ffi.layout"

local take = {}

local quote = writer.quote

---Does a column take slices as they are? Others look at the bytes of a string.
function take.keeps_slice(field, is_text) return (field.type == "string" and is_text or field.type == "bytes") == true end

-- So many keys are looked at one by one; a loop within the row's code would stand in the way of its trace.
local KEYS_ONE_BY_ONE = 12

---Writes the search for keys of a table that are none of `count` known ones.
---@param known string expression of a table that has true for those
---@param bad string what happens with such a key `k`
function take.check_keys(w, x, known, count, bad)
  if count > KEYS_ONE_BY_ONE then
    w:open("for k in next, %s do", x)
    w:line("if not %s[k] then %s end", known, bad)
    w:close()
    return
  end
  w:open("do")
  w:line("local k = next(%s)", x)
  for _ = 1, count do
    w:open("if k ~= nil then")
    w:line("if not %s[k] then %s end", known, bad)
    w:line("k = next(%s, k)", x)
  end
  w:line("if k ~= nil then %s end", bad)
  for _ = 1, count do w:close() end
  w:close()
end

---Writes the check of the local `x` for a column; the code goes on with a value of the type, or nil for null.
---@param w table writer
---@param x string name of a local
---@param field table of the schema
---@param bad string format with the column's name and the local: `return bad(2, %s, %s)`
--- A list, map, struct or any becomes a view; what is wrong in it is raised, with its place.
---@param is_text boolean? strings are known to be UTF-8: what passes through or is put together from such
---@param is_slice boolean? it may be a slice, and may stay one where a column's text is taken
---@param open boolean? errors of this operator leave the chunk (README.md, "Loops in user functions")
---@param give string? name of the function that writes a nested value (shaped.lua), where the general one is not needed
---@param given string? what that is given in place of `x`
---@param number string? the type as which the engine holds it, or "whole" (result.lua)
function take.check(w, x, field, bad, is_text, is_slice, open, give, given, number)
  local kind, precision, scale = layout.parse_type(field.type)
  if is_slice and not take.keeps_slice(field, is_text) then w:line("%s = slice_text(%s)", x, x) end
  local name = quote(field.name)
  local fail = bad:format(name, x)
  if kind == "list" or kind == "map" or kind == "struct" or kind == "any" then
    local k = not open and bad:match("^return bad_value%((%d+),")
    give = give or ("encoders[%s]"):format(quote(field.type))
    w:open("if %s ~= nil then", x)
    if k then -- outside of the user's function, whose errors are caught
      w:line("local fits, value = pcall(%s, %s, %s)", give, given or x, name)
      w:line("if not fits then return fail(%s, value) end", k)
      w:line("%s = value", x)
    else
      w:line("%s = %s(%s, %s)", x, give, given or x, name)
    end
    w:close()
    if field.required then w:line("if %s == nil then %s end", x, fail) end
    return
  end
  local wrong -- true for values of the wrong kind; numbers are checked further
  if kind == "double" then
    wrong = ('type(%s) ~= "number"'):format(x)
  elseif (kind == "int" or kind == "timestamp") and number == kind then
    wrong = ('type(%s) ~= "number"'):format(x)
  elseif kind == "int" or kind == "timestamp" then
    w:open('if type(%s) == "number" then', x)
    -- 2^53 itself is what 2^53 + 1 becomes: a calculated one may have lost something
    local within = kind == "int" and "not (%s < 9007199254740992 and %s > -9007199254740992)"
      or "not (%s <= 9007199254740992 and %s >= -9007199254740992)"
    local fraction = number == "whole" and "" or ("floor(%s) ~= %s or "):format(x, x)
    w:line("if %s" .. within .. " then %s end", fraction, x, x, fail)
    w:middle("elseif %s ~= nil then", x)
    w:line("if %s ~= null then %s end", x, fail)
    w:line("%s = nil", x)
    w:close()
  elseif kind == "bool" then
    wrong = ('type(%s) ~= "boolean"'):format(x)
  elseif kind == "string" or kind == "bytes" then
    wrong = ('type(%s) ~= "string"'):format(x)
    if is_slice and take.keeps_slice(field, is_text) then wrong = ('%s and type(%s) ~= "number"'):format(wrong, x) end
  elseif kind == "decimal" or kind == "int64" then
    w:open("if %s ~= nil then", x)
    if kind == "decimal" then w:line("local value = fit_decimal(%s, %d, %d)", x, precision, scale)
    else w:line("local value = fit_int64(%s)", x) end
    w:line("if value == nil and %s ~= null then %s end", x, fail)
    w:line("%s = value", x)
    w:close()
  else
    wrong = ('%s ~= nil and settle(%s, %s)'):format(x, name, x) -- "?": only ever printed
  end
  if wrong then
    w:open("if %s and %s ~= nil then", wrong, x)
    w:line("if %s ~= null then %s end", x, fail)
    w:line("%s = nil", x)
    w:close()
  end
  if kind == "string" and not is_text then w:line("if %s ~= nil and not is_utf8(%s) then %s end", x, x, fail) end
  if field.required then w:line("if %s == nil then %s end", x, fail) end
end

return take
