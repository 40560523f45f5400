-- The key of a row: a text that equal keys have alone.
local expr = require "tests.oracle.expr"
local values = require "tests.oracle.values"

local keys = {}

function keys.text(names, row, columns)
  local parts = {}
  for i, name in ipairs(names) do parts[i] = values.text(expr.by_name(columns, name), row[name]) end
  return table.concat(parts, "|")
end

return keys
