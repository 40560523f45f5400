-- Functions in the job's text: which piece of it a function is, also where several stand on one line, and what its
-- bytecode does not show. Functions are matched by order: the n-th function inside another in the text is the n-th that its
-- bytecode makes. Where the two do not fit, nothing is known.
local opcodes = require "codegen.opcodes"
local util = require "jit.util"

local texts = {}

local function place_of()
  local found, place = pcall(require, "tidemill.place")
  return found and place or nil
end

-- The outline of the function `proto`, looked for below `parent`, whose outline is `node`.
local function find(proto, parent, node)
  local made = opcodes.functions(parent)
  if #made ~= #node.children then return nil end
  for n, child in ipairs(made) do
    if child == proto then return node.children[n] end
    local below = find(proto, child, node.children[n])
    if below then return below end
  end
end

local known = setmetatable({}, { __mode = "k" }) -- by function

---@return table? file of place.lua
---@return tidemill.outline.func? outline
function texts.of(fn)
  local entry = known[fn]
  if not entry then
    entry = {}
    known[fn] = entry
    local place, info = place_of(), util.funcinfo(fn)
    local file = place and info.source and place.file(info.source)
    if file and file.main and info.proto then
      local root = require("tidemill.outline").of(file).root
      entry.file = file
      entry.func = util.funcinfo(file.main).proto == info.proto and root or find(info.proto, file.main, root)
    end
  end
  return entry.file, entry.func
end

---Is it a function of the job's text, also where that text is not known?
function texts.is_job(fn)
  local place, source = place_of(), util.funcinfo(fn).source
  return place ~= nil and source ~= nil and place.file(source) ~= nil
end

local MAKES = { TNEW = true, TDUP = true }

---The keys that tables of a function are given as `name = nil`: bytecode keeps nothing of them, and yet they are columns.
---@return table<integer, table<string, boolean>> by the place in the bytecode that makes the table
function texts.nil_keys(fn)
  local _, func = texts.of(fn)
  local keys, n = {}, 0
  if not func then return keys end
  for pc, i in ipairs(opcodes.decode(fn) or {}) do
    if MAKES[i.op] then
      n = n + 1
      keys[pc] = func.tables[n] and func.tables[n].nils
    end
  end
  return n == #func.tables and keys or {}
end

return texts
