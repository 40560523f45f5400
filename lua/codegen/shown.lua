-- The row that a failed operator was given, for messages and dead letters. The operators of a chunk are fused: between two
-- of them a row exists only as columns that lie in the chunk's input row and in its variables. When a function fails, its
-- row is put together here. Never in a hot path.
local ffi = require "ffi.init"
local layout = require "ffi.layout"
local rows = require "codegen.rows"

local shown = {}

local bytes = ffi.typeof("uint8_t *")

-- Bytes of a row; the caller holds them as long as it uses the address.
local function build(schema, values, kind)
  local l = layout.of(schema)
  local buffer = ffi.new("uint64_t[?]", rows.size(l, values) / 8)
  rows.write(l, ffi.cast(bytes, buffer), values, kind)
  return buffer
end

-- Which rows are worth it: of an operator that skips failed rows, C shows the first of each code.
local function first_times(nodes)
  local seen = {}
  return function(k, code)
    if nodes[k + 1].on_error ~= "skip" then return true end
    local key = k .. " " .. code
    local first = not seen[key]
    seen[key] = true
    return first
  end
end

---For a generated chunk: gives the row that operator k (from 0) got, and of which operator's input it is.
---@param nodes table[]
---@param cur ffi.cdata* struct with `row`, the chunk's input row under way
---@param plan table of the chunk: stages[k + 1].env has the homes of the columns of its input
---@param variable fun(home: codegen.home): any the value of a computed column
---@return fun(k: integer, code: integer): any, integer
function shown.of_chunk(nodes, cur, plan, variable)
  local wanted = first_times(nodes)
  return function(k, code)
    local stage = plan.stages and plan.stages[k + 1]
    if not stage or nodes[k + 1].input == nodes[1].input or not wanted(k, code) then return cur.row, 0 end
    local input, values = rows.read(layout.of(nodes[1].input), cur.row), {}
    for name, home in pairs(stage.env) do
      if home.kind == "in" then values[name] = input[home.field.name] else values[name] = variable(home) end
    end
    return build(nodes[k + 1].input, values, cur.row.kind), k
  end
end

---For rows that wait for types: of the operators down to k, the last whose input has all its types.
---@param nodes table[]
---@param at fun(): ffi.cdata* the chunk's input row under way
---@param env table[] by operator from 1: values of the columns of its input
function shown.of_tables(nodes, at, env)
  local unknown = require "codegen.unknown"
  local wanted = first_times(nodes)
  return function(k, code)
    local j = k
    while j > 0 and (unknown.in_schema(nodes[j + 1].input) or not env[j + 1]) do j = j - 1 end
    if j == 0 or nodes[j + 1].input == nodes[1].input or not wanted(k, code) then return at(), 0 end
    return build(nodes[j + 1].input, env[j + 1], ffi.cast("int32_t *", at())[1]), j
  end
end

return shown
