-- A fingerprint of everything that the script determines: the nodes with all that was declared, their columns, and the
-- text of the files that building them has read. A worker that evaluates the script again and gets another one must not
-- run (ARCHITECTURE D2).
local ffi = require "ffi"

local fingerprint = {}

local format = string.format

-- What a node was declared to be. The rest of a node is derived from it, and much of that is the work of the analysis,
-- whose bookkeeping differs from state to state; of what it finds, the columns must be equal (below).
local DECLARED = {
  "verb", "name", "where", "parallelism", "on_error", "connector", "format", "format_options", "options", "bounded", "fn", "columns",
  "assigns", "key", "key_name", "aggregates", "window", "emit", "field", "disorder_ms", "idle_ms", "interval_ms", "align", "generator",
  "returns", "expect",
  "made", "open", "close", "custom", "keeps", "each", "left", "right", "rule", "timer", "states", "broadcast", "operator", "second_key",
  "of_window",
  "partition", "chaining", "identity", "ttl_ms", "by", "descending", "limit", "rank", "tag", "side",
}

-- Canonical text of a value: keys sorted, numbers exact, functions by their place.
local function write(out, value)
  local t = type(value)
  if t == "number" then
    out[#out + 1] = format("%.17g", value)
  elseif t == "string" then
    out[#out + 1] = #value .. ":" .. value
  elseif t == "function" then
    local info = debug.getinfo(value, "S")
    out[#out + 1] = format("fn(%s:%d-%d)", info.source, info.linedefined, info.lastlinedefined)
  elseif t ~= "table" then
    out[#out + 1] = tostring(value)
  elseif value.kind and value.id then -- a node
    out[#out + 1] = "node " .. value.id
  else
    out[#out + 1] = "{"
    local keys = {}
    for k in pairs(value) do keys[#keys + 1] = k end
    table.sort(keys, function(a, b)
      if type(a) ~= type(b) then return type(a) < type(b) end
      return a < b
    end)
    for _, k in ipairs(keys) do
      write(out, k)
      out[#out + 1] = "="
      write(out, value[k])
      out[#out + 1] = ";"
    end
    out[#out + 1] = "}"
  end
end

---The canonical text of a finished job.
function fingerprint.text(job)
  local out = { "tidemill graph 1\n" }
  write(out, job.name)
  write(out, { parallelism = job.options.parallelism, max_parallelism = job.options.max_parallelism,
    latency = job.options.latency })
  for _, node in ipairs(job.nodes) do
    local plain, inputs = {}, {}
    for _, name in ipairs(DECLARED) do plain[name] = node[name] end
    for i, input in ipairs(node.inputs) do inputs[i] = input.id end
    out[#out + 1] = "\n" .. node.kind .. " "
    write(out, plain)
    write(out, inputs)
    -- Rows are passed on by their columns: two states that found other ones must not exchange any.
    write(out, node.schema and { node.schema.fields, node.schema.time_field } or {})
  end
  for _, file in ipairs(job.files) do
    out[#out + 1] = "\nfile "
    write(out, file.path)
    write(out, file.text)
  end
  return table.concat(out)
end

-- FNV-1a, 64 bits, in two halves: each number of 64 bits would be an object. The prime is 2^40 + 435.
local function halves_of(text)
  local high, low, floor, bxor, byte = 0xcbf29ce4, 0x84222325, math.floor, bit.bxor, string.byte
  for i = 1, #text do
    local last = low % 256
    low = low - last + bxor(last, byte(text, i))
    local product = low * 435
    high = (high * 435 + low * 256 + floor(product / 2 ^ 32)) % 2 ^ 32
    low = product % 2 ^ 32
  end
  return high, low
end

local hash = halves_of

---The same in C, which takes a hundredth of the time; nil: this one.
---@param fn? fun(text: string): number, number
function fingerprint.set_hash(fn) hash = fn or halves_of end

---@return ffi.cdata* uint64_t
function fingerprint.hash(text)
  local high, low = hash(text)
  return ffi.cast("uint64_t", high) * 2ULL ^ 32 + ffi.cast("uint64_t", low)
end

local known = setmetatable({}, { __mode = "k" }) -- by job

---Of a finished job; it is hashed once.
---@return ffi.cdata* uint64_t
function fingerprint.of(job)
  known[job] = known[job] or fingerprint.hash(fingerprint.text(job))
  return known[job]
end

return fingerprint
