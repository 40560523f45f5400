-- The code generator (ARCHITECTURE D2): schemas of user functions, and chunks that run them over rows.
-- The contract is docs/internals/lua-side.md; README.md has the map of the files.
local accumulate = require "codegen.accumulate"
local any = require "codegen.any"
local derive = require "codegen.derive"
local heat = require "codegen.heat"
local instance = require "codegen.instance"
local problem = require "codegen.problem"
local process = require "codegen.process"
local records = require "codegen.records"
local unknown = require "codegen.unknown"
local views = require "codegen.views"
local window = require "codegen.window"

local codegen = {}

---Sets node.schema, node.reads, node.passes of a function or reduce node.
---@return table[] findings { severity, where, message, hint }
function codegen.derive(node) return derive.derive(node) end

---The tags of the side outputs of a map, flat_map or filter node, sorted; and whether there may be others.
function codegen.tags(node) return derive.tags(node) end

---Derives the side outputs of a node anew: those in node.read_sides, { tag =, returns = } by number. Their schemas are then
---node.codegen.sides[number].schema.
function codegen.sides(node) return derive.sides(node) end

---The same of a watermark node with a generator.
function codegen.derive_custom(node) return accumulate.derive(node) end

---The same of a window node with functions of its own: adds to node.reads.
function codegen.derive_window(node) return window.derive(node) end

---Sets node.schema, node.reads, node.passes of a process.
function codegen.derive_process(node) return require("codegen.process_derive").derive(node) end

---Applies a proposal of types to the graph; gives the text for the other states, "" when nothing changed, and true when
---its answer must wait for other proposals.
function codegen.settle(nodes, proposal) return unknown.settle(nodes, proposal) end

---The generated text of consecutive function nodes, or of one reduce. Types that rows will settle show as double.
function codegen.source(nodes)
  if nodes[1].kind == "process" then
    if unknown.any(nodes) then return "" end
    local texts = {}
    for _, role in ipairs(process.ROLES) do
      if nodes[1].codegen.roles[role] then texts[#texts + 1] = instance.generate(process.nodes(nodes[1], role)) end
    end
    return table.concat(texts, "\n")
  end
  if nodes[1].kind == "watermark" then
    local texts = {}
    for _, role in ipairs(accumulate.ROLES.watermark) do
      if nodes[1].codegen.roles[role] then texts[#texts + 1] = (instance.generate(accumulate.nodes(nodes[1], role))) end
    end
    return table.concat(texts, "\n")
  end
  if nodes[1].kind == "window" then
    if unknown.any(nodes) then return "" end
    local texts = {}
    for i, role in ipairs(window.roles(nodes[1])) do texts[i] = (instance.generate(window.nodes(nodes[1], role))) end
    return table.concat(texts, "\n")
  end
  if not unknown.any(nodes) then return (instance.generate(nodes)) end
  return (instance.generate(require("codegen.sketch").of(nodes)))
end

---Generates ahead what instances of the job's nodes will run, as far as it is known how they are put together.
---@param all table[] nodes
function codegen.prepare(all)
  local reads = {} -- functions that one reads are in a chain with it
  for _, node in ipairs(all) do
    for _, input in ipairs(node.inputs) do
      if node.kind == "function" and input.kind == "function" then reads[node], reads[input] = true, true end
    end
  end
  for _, node in ipairs(all) do
    if node.kind == "process" then
      for _, role in ipairs(process.ROLES) do
        if node.codegen.roles[role] then instance.prepare({ node }, role) end
      end
    elseif node.kind == "reduce" or (node.kind == "function" and not reads[node]) then
      instance.prepare { node }
    end
  end
  heat.prepare(true)
end

---What chains need that is the same for all jobs.
function codegen.ready() heat.prepare(false) end

---@param among table? { subtask = from 0, count = of subtasks, first = boolean: rows come from a source in the same chain }
---@return table instance with run(), finish() and proposal
function codegen.instance(nodes, ctx, among) return instance.new(nodes, ctx, among) end

-- For the sandbox: records are no tables.
codegen.copy, codegen.pairs, codegen.is_record = records.copy, records.pairs, records.is

---`ipairs` of user code for what is no table: the items of a list of a record.
function codegen.ipairs(value)
  local walk = records.list_walk(value)
  if walk then return walk(value) end
  if not views.type_of(value) then problem.raise("USER_CODE", "ipairs takes a list, given " .. problem.show(value)) end
  return views.ipairs(value)
end

---Marks a table as an array in values of type any, also when it is empty.
codegen.array = any.array

local istype = require("ffi").istype
local slice = require "codegen.slice"
local Int64, Decimal = require("codegen.int64").type, require("codegen.decimal").type

---Reads the number of a slice, nil for what is not just digits, point and exponent; set by lua/library.
---@type fun(slice: number): number?
codegen.number_of = function() end

---`tonumber` of user code: also of int64 and decimal values and of slices, which LuaJIT's own does not know.
function codegen.tonumber(value, base)
  if type(value) == "cdata" and (istype(Int64, value) or istype(Decimal, value)) then return value:tonumber() end
  if slice.is(value) then return base == nil and codegen.number_of(value) or tonumber(slice.text(value), base or 10) end
  if base == nil then return tonumber(value) end
  return tonumber(value, base)
end

require("codegen.calls").copies[records.copy] = true

---Stands in for ffi.C in specs: { tm_chain_grow =, tm_chain_fail = }.
function codegen.set_c(C) instance.C = C end

return codegen
