-- What a generated chunk finds in its parameter: the context, its cursor, types, conversions and the cold paths.
local ffi = require "ffi.init"
local chunk = require "codegen.chunk"
local codes = require "tidemill.codes"
local decimal = require "codegen.decimal"
local failures = require "codegen.failures"
local fit = require "codegen.fit"
local int64 = require "codegen.int64"
local layout = require "ffi.layout"
local records = require "codegen.records"

local runtime = {}

local function null_value()
  local found, null = pcall(require, "tidemill.null")
  return found and null or {}
end

local function visible(schema)
  local names = {}
  for _, f in ipairs(schema.fields) do if not f.hidden then names[#names + 1] = f.name end end
  return names
end

-- The struct of counters and limits for a chain of this length; declared once per length.
local declared = {} -- length -> name
local function tally_of(count)
  local name = declared[count] or layout.declare("tm_tally", "{ " .. chunk.tally_members(count) .. " }")
  declared[count] = name
  local struct = ffi.new(name)
  return struct, ffi.cast(name .. " *", struct), name
end

---@param nodes table[]
---@param ctx ffi.cdata* struct tm_chain_ctx *
---@param C table namespace with tm_chain_grow and tm_chain_fail
function runtime.new(nodes, ctx, C)
  local input, output = layout.of(nodes[1].input), layout.of(nodes[#nodes].schema)
  -- Structs of at most 16 bytes, held by value: the trace compiler then knows their addresses and that they do not
  -- overlap, and keeps the output pointer in a register over the whole loop.
  local cur = ffi.new(("struct { %s *row; %s *out; }"):format(input.struct, output.struct))
  local kept = ffi.new(("struct { %s *acc; uint8_t **slot; }"):format(input.struct))
  local tally_struct, tally, tally_type = tally_of(#nodes)
  local bytes = ffi.typeof("uint8_t *")
  local R = {
    ctx = ctx, cur = cur, tally = tally, kept = kept, null = null_value(), in_pointer = input.pointer, out_pointer = output.pointer,
    bytes = bytes, words = ffi.typeof("uint64_t *"), floor = math.floor, band = bit.band, bor = bit.bor, rol = bit.rol,
    rshift = bit.rshift, tobit = bit.tobit, cast = ffi.cast, copy = ffi.copy, to_text = ffi.string,
    decimal_value = decimal.type, int64_value = int64.type, fit_decimal = fit.decimal, fit_int64 = fit.int64,
    copy_record = records.copy, fns = {}, anchors = { tally_struct },
  }

  for k, node in ipairs(nodes) do
    R.fns[k] = node.fn
    if node.assigns then
      R.fns[k] = {}
      for i, a in ipairs(node.assigns) do R.fns[k][i] = a.fn end
    end
  end

  function R.memcmp(a, b, n) return ffi.C.memcmp(a, b, n) end

  function R.text_cache()
    local entries = ffi.new("struct tm_text_seen[256]")
    R.anchors[#R.anchors + 1] = entries
    return ffi.cast("struct tm_text_seen *", entries)
  end

  local failed = {}
  for k = 1, #nodes do failed[k] = "failed_" .. k end
  local f = failures.new(nodes, function(k, code, message)
    tally[failed[k + 1]] = tally[failed[k + 1]] + 1
    return C.tm_chain_fail(ctx, k, ffi.cast(bytes, cur.row), code, message, #message)
  end, function(rc) tally.stop = rc end)
  for name, fn in pairs(f) do R[name] = fn end

  function R.record(k, index, assign)
    return records.new(visible(nodes[k + 1].input), index, assign or function(_, name) f.raise_column(k, name) end)
  end

  local function refresh()
    cur.out = ffi.cast(output.pointer, ctx.out + ctx.out_size)
    tally.limit = ctx.out + ctx.out_capacity
    tally.full = ctx.out + ctx.out_full_bytes
  end

  ---Room for a batch of rows of one size: 0 or a negative code.
  function R.reserve(more) return C.tm_chain_grow(ctx, more) end

  ---Room for one row; false: the row has failed, or the job stops.
  function R.grow(k, size)
    ctx.out_size = ffi.cast(bytes, cur.out) - ctx.out
    local rc = C.tm_chain_grow(ctx, size)
    if rc == 0 then
      refresh()
      return true
    end
    if rc == codes.LIMIT then
      f.fail(k, require("tidemill.fault").new("LIMIT", nodes[k + 1].where or "",
        "one input row gave more rows than a batch can hold (256 MB)"))
      return false
    end
    tally[failed[k + 1]] = tally[failed[k + 1]] + 1 -- it is not written
    tally.stop = rc
    return false
  end

  -- How rows end: filtered by one of the filters, or written. For heat.lua.
  R.outcomes = {}
  local base = ffi.cast("int64_t", ffi.cast("intptr_t", tally))
  for k, node in ipairs(nodes) do
    if node.verb == "filter" then
      R.outcomes[#R.outcomes + 1] = {
        address = base + ffi.offsetof(tally_type, "dropped_" .. k),
        count = function() return tonumber(ctx.counts[4 * (k - 1) + 2]) end,
      }
    end
  end
  function R.rows() return tonumber(ctx.counts[0]) end

  return R
end

return runtime
