-- What a generated chunk finds in its parameter: the context, its cursor, types, conversions and the cold paths.
local ffi = require "ffi.init"
local any = require "codegen.any"
local cells = require "codegen.cells"
local chunk = require "codegen.chunk"
local codes = require "tidemill.codes"
local decimal = require "codegen.decimal"
local failures = require "codegen.failures"
local fault = require "tidemill.fault"
local heat = require "codegen.heat"
local fit = require "codegen.fit"
local int64 = require "codegen.int64"
local layout = require "ffi.layout"
local metrics = require "tidemill.metrics"
local nest = require "codegen.nest"
local problem = require "codegen.problem"
local process = require "codegen.process_runtime"
local random = require "tidemill.random"
local records = require "codegen.records"
local rows = require "codegen.rows"
local sides = require "codegen.sides"
local shaped = require "codegen.shaped"
local shown = require "codegen.shown"
local slice = require "codegen.slice"
local view_text = require "codegen.view_text"
local views = require "codegen.views"

local runtime = {}

local ROW_BYTES_MAX = 64 * 1024 * 1024ULL

local function memcmp(a, b, n) return ffi.C.memcmp(a, b, n) end
heat.share(memcmp)

local function null_value()
  local found, null = pcall(require, "tidemill.null")
  return found and null or {}
end

-- A row of nulls, for a record that user code has kept and reads when no row is there: the batches are gone.
local function blank_row(input, anchors)
  local buffer = ffi.new("uint64_t[?]", input.fixed_bytes / 8)
  rows.write(input, ffi.cast("uint8_t *", buffer), {})
  anchors[#anchors + 1] = buffer
  return ffi.cast(input.pointer, buffer)
end

-- Does a function call what keeps its chunk from being compiled?
local function is_interpreted(nodes)
  for _, node in ipairs(nodes) do
    local c = node.codegen
    if c.analysis and next(c.analysis.slow_calls) then return true end
    for _, a in ipairs(c.assigns or {}) do if next(a.analysis.slow_calls) then return true end end
  end
  return false
end

-- The struct of counters and limits for a chain of this length and number of side outputs; declared once for both.
local declared = {} -- "length side outputs" -> name
local function tally_of(count, side_count)
  local key = count .. " " .. side_count
  local name = declared[key] or layout.declare("tm_tally", "{ " .. chunk.tally_members(count, side_count) .. " }")
  declared[key] = name
  local struct = ffi.new(name)
  return struct, ffi.cast(name .. " *", struct), name
end

---@param nodes table[]
---@param ctx ffi.cdata* struct tm_chain_ctx *
---@param C table namespace with tm_chain_grow and tm_chain_fail
---@param plan table of the chunk
---@param subtask integer
function runtime.new(nodes, ctx, C, plan, subtask)
  local input, output = layout.of(nodes[1].input), layout.of(nodes[#nodes].schema)
  -- Structs of at most 16 bytes, held by value: the trace compiler then knows their addresses and that they do not
  -- overlap, and keeps the output pointer in a register over the whole loop.
  local cur = ffi.new(("struct { %s *row; %s *out; }"):format(input.struct, output.struct))
  local anchors = {}
  local record, record_pointer, no_record, backup
  if plan.record then record, record_pointer, no_record, backup = process.memory(plan, anchors) end
  local kept = ffi.new(("struct { %s *acc; uint8_t **slot; }"):format(record or output.struct))
  local bounds = ffi.new "struct { uint8_t *limit; uint8_t *full; }"
  local tally_struct, tally, tally_type = tally_of(#nodes, #(nodes[#nodes].codegen.sides or {}))
  local bytes = ffi.typeof("uint8_t *")
  anchors[#anchors + 1] = tally_struct
  local R = {
    ctx = ctx, cur = cur, tally = tally, kept = kept, bounds = bounds, marks = ffi.new "struct { uint8_t *out; }",
    null = null_value(), in_pointer = input.pointer, out_pointer = output.pointer,
    bytes = bytes, words = ffi.typeof("uint64_t *"), halves = ffi.typeof("uint16_t *"), ints = ffi.typeof("int32_t *"),
    doubles = ffi.typeof("double *"),
    floor = math.floor, band = bit.band, bor = bit.bor, rol = bit.rol, rshift = bit.rshift, tobit = bit.tobit,
    cast = ffi.cast, copy = ffi.copy, memcmp = memcmp, to_text = ffi.string,
    decimal_value = decimal.type, int64_value = int64.type, fit_decimal = fit.decimal, fit_int64 = fit.int64,
    blank = blank_row(input, anchors), is_utf8 = is_interpreted(nodes) and fit.is_utf8_called or fit.is_utf8,
    slice = slice.make, unpack_slice = slice.unpack, slice_text = slice.given_text, scope = slice.scope,
    chars = ffi.typeof("const char *"),
    clock = views.clock, int64 = ffi.typeof("int64_t"), any_value = any.value, views = view_text.views,
    view = views.of, encoders = nest.encoders, slice_row = slice.of_row,
    at_row = random.at_row, random = random.random, copy_record = records.copy, texts = {}, fns = {}, resumed = {}, anchors = anchors,
    row_kinds = rows.KINDS,
  }
  R.none = no_record or blank_row(output, anchors)
  cur.row, kept.acc = R.blank, R.none
  local variable
  R.cell, variable = cells.store(R.texts)

  for k, node in ipairs(nodes) do
    R.fns[k], R.resumed[k] = metrics.bind(ctx, k, node, node.codegen.flat or node.fn)
    if node.assigns then
      R.fns[k] = {}
      for i, a in ipairs(node.assigns) do R.fns[k][i] = metrics.bind(ctx, k, node, a.fn) end
    end
  end

  function R.text_cache()
    local entries = ffi.new("struct tm_text_seen[256]")
    R.anchors[#R.anchors + 1] = entries
    return ffi.cast("struct tm_text_seen *", entries)
  end

  ---The writer of a column of operator k that is given tables of a known shape.
  function R.shaped(k, name)
    local node = nodes[k]
    return shaped.load(node.schema.fields[node.schema.by_name[name]].type, node.codegen.shapes[name], name)
  end

  local failed = {}
  for k = 1, #nodes do failed[k] = "failed_" .. k end
  local show = shown.of_chunk(nodes, cur, plan, variable)
  local f = failures.new(nodes, function(k, code, message)
    tally[failed[k + 1]] = tally[failed[k + 1]] + 1
    local row, row_of = show(k, code)
    return C.tm_chain_fail(ctx, k, ffi.cast(bytes, row), row_of, code, message, #message)
  end, function(rc) tally.stop = rc end)
  for name, fn in pairs(f) do R[name] = fn end

  function R.record(k, index, assign)
    local new = nodes[k + 1].strict and records.strict or records.new
    return (new(nodes[k + 1], index, assign or function(_, name) f.raise_column(k, name) end))
  end
  R.renewal = records.renewal

  local function refresh()
    cur.out = ffi.cast(output.pointer, ctx.out + ctx.out_size)
    local room = ctx.out_capacity - ctx.out_size
    if room > ROW_BYTES_MAX then room = ROW_BYTES_MAX end
    bounds.limit = ctx.out + (ctx.out_size + room)
    bounds.full = ctx.out + tally.full_bytes
  end

  if plan.record then
    process.attach(R, { nodes = nodes, ctx = ctx, C = C, plan = plan, cur = cur, tally = tally, failures = f, refresh = refresh,
      subtask = subtask, record_pointer = record_pointer, backup = backup })
  end

  ---Of the next n rows those that fill the output about once: how many, and their bytes.
  function R.piece(n)
    local row, full, taken = ctx["in"], tonumber(ctx.out_full_bytes), 0
    for i = 1, n do
      taken = taken + ffi.cast(input.pointer, row + taken).size_bytes
      if taken >= full then return i, taken end
    end
    return n, taken
  end

  ---What an accumulator refers to: where the bytes of the slot `ref` lie; and new ones. `slot`: behind the accumulator's own.
  function R.blob(slot, side, ref) return C.tm_chain_blob(ctx, slot, side, ref) end
  function R.keep(slot, ref, p, n) return C.tm_chain_keep(ctx, slot, ref, p, n) end
  R.blob_cell = ffi.typeof("struct { int64_t word; }") -- where a blob is kept for a moment
  R.none_bytes = R.none_bytes or ffi.cast("const uint8_t *", "")
  R.defaults = R.defaults or plan.defaults
  function R.returned(x)
    return fault.new("ROW_TYPE", nodes[1].where or "", ("%s returned %s"):format(nodes[1].verb, problem.show(x)),
      "it changes the accumulator, its first parameter, and returns nothing")
  end

  function R.bad_mark(x)
    local hint = "return nothing where there is no new one"
    if x == math.huge then hint = "the end of the input gives the last watermark by itself"
    elseif type(x) == "number" and x ~= math.floor(x) and x == x then hint = "math.floor(time) makes it whole" end
    return fault.new("ROW_TYPE", nodes[1].where or "",
      ("%s gave %s; a watermark is a whole number of milliseconds, at most 2^53 either way"):format(nodes[1].verb,
        problem.show_typed(x)), hint)
  end

  function R.no_distance(x)
    return fault.new("ROW_TYPE", nodes[1].where or "", ("the function of %s gave %s; how far two rows are apart is a number"):format(
      nodes[1].what, problem.show(x)))
  end

  ---Room for the rows of a batch: 0 or a negative code.
  function R.reserve(more) return C.tm_chain_grow(ctx, more) end

  ---Room for one row that ends beyond bounds.limit; false: the row has failed, or the job stops.
  function R.grow(k, size)
    if size > ROW_BYTES_MAX then
      f.too_large(k, size)
      return false
    end
    ctx.out_size = ffi.cast(bytes, cur.out) - ctx.out
    if size <= ctx.out_capacity - ctx.out_size then
      refresh()
      return true
    end
    local rc = C.tm_chain_grow(ctx, size)
    if rc == 0 then
      refresh()
      return true
    end
    if rc == codes.LIMIT then
      f.fail(k, fault.new("LIMIT", nodes[k + 1].where or "",
        "one input row gave more rows than a batch can hold (256 MB)"))
      return false
    end
    tally[failed[k + 1]] = tally[failed[k + 1]] + 1 -- it is not written
    tally.stop = rc
    return false
  end

  sides.runtime(R, ffi, nodes[#nodes], ctx, C, tally, function(k, rc)
    tally[failed[k + 1]] = tally[failed[k + 1]] + 1
    tally.stop = rc
    f.stop()
  end)

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
