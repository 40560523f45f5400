-- Micro benchmark of generated chains: ns per row against the same loop written in C (chain.c), interleaved on the
-- same rows. From the repository's root, with the test library built:  luajit bench/micro/chain.lua [pairs]
local here = debug.getinfo(1, "S").source:match("^@(.*)bench/micro/chain%.lua$") or ""
package.path = here .. "tests/spec/codegen/?.lua;" .. package.path
local support = require "support"
local ffi = require "ffi"

local PAIRS, ROWS, BATCHES = tonumber(arg[1]) or 7, 1000, 3000

local function c_library()
  local path = os.tmpname()
  local command = ("%s -O3 -march=native -fno-strict-aliasing -shared -fPIC -o %s %sbench/micro/chain.c"):format(
    os.getenv("CC") or "cc", path, here)
  assert(os.execute(command) == 0, command)
  local lib = ffi.load(path)
  os.remove(path)
  return lib
end

ffi.cdef [[
size_t filter_map(const uint8_t *in, size_t size, uint8_t *out);
size_t five(const uint8_t *in, size_t size, uint8_t *out);
size_t text_filter(const uint8_t *in, size_t size, uint8_t *out);
size_t text_pass(const uint8_t *in, size_t size, uint8_t *out);
]]
local lib = c_library()

local NUMBERS = support.schema "a double; b double; c double; n int; ts timestamp@"
local REQUIRED = support.schema "a double!; b double!; c double!; n int!; ts timestamp!@"
local TEXTS = support.schema "user string; country string; amount double"

local function number_rows()
  local list = {}
  for i = 1, ROWS do list[i] = { a = (i * 37) % 100, b = i, c = 3, n = i % 1000, ts = 1760000000000 + i } end
  return list
end

local COUNTRIES = { "FR", "DE", "US", "GB", "ES" }
local function text_rows()
  local list = {}
  for i = 1, ROWS do
    list[i] = { user = ("user%06d"):format(i * 7919 % 1000000), country = COUNTRIES[i * 31 % 5 + 1], amount = i }
  end
  return list
end

local function five()
  return {
    { verb = "filter", fn = function(e) return e.a > 10 end },
    { verb = "assign", assigns = { { name = "t1", fn = function(e) return e.a * e.b end } } },
    { verb = "filter", fn = function(e) return e.t1 < 1e9 end },
    { verb = "map", fn = function(e) e.t2 = e.t1 + e.c return e end },
    { verb = "filter", fn = function(e) return e.n ~= 7 end },
  }
end

local function filter_map()
  return {
    { verb = "filter", fn = function(e) return e.a > 10 end },
    { verb = "map", fn = function(e) return { total = e.a + e.b, scaled = e.a * 1.5, n = e.n, ts = e.ts, a = e.a } end },
  }
end

local cases = {
  { "filter + map, 5 numeric columns", NUMBERS, number_rows, filter_map(), "filter_map", "scaled,total" },
  { "the same, columns required", REQUIRED, number_rows, filter_map(), "filter_map", "scaled,total" },
  { "five operators", NUMBERS, number_rows, five(), "five" },
  { "five operators, columns required", REQUIRED, number_rows, five(), "five" },
  { "text equality filter", TEXTS, text_rows, { { verb = "filter", fn = function(e) return e.country == "FR" end } },
    "text_filter" },
  { "text pass-through and a number", TEXTS, text_rows,
    { { verb = "map", fn = function(e) return { user = e.user, twice = e.amount * 2 } end } }, "text_pass" },
}

local function median(list)
  table.sort(list)
  return list[math.floor((#list + 1) / 2)]
end

print(("%-36s %8s %8s %7s"):format("ns per row, medians of " .. PAIRS, "Lua", "C", "ratio"))
for _, case in ipairs(cases) do
  local name, schema, make, specs, c_name = unpack(case)
  local nodes = support.nodes(schema, specs)
  local runner = support.runner(nodes, { full_bytes = 1024 * 1024, capacity = 256 * 1024 })
  local made, size = support.buffer(schema, make())
  -- Both sides read and write the same memory, at fixed distances: whether a load meets an earlier store at the same
  -- place of another 4 KiB page decides more than the code does.
  local memory = ffi.new("uint8_t[?]", 512 * 1024)
  local from = memory + (4096 - tonumber(ffi.cast("uintptr_t", memory) % 4096))
  local to = from + 256 * 1024 + 2048
  ffi.copy(from, made, size)
  runner.ctx.out, runner.ctx.out_capacity = to, 240 * 1024
  -- C enters a chain once per batch, and a trace that leaves the loop ends there. Here the C function is string.gsub:
  -- about 0.2 us a batch that only this side pays.
  local rc
  local function enter() rc = runner.instance:run() end
  local function lua_batch()
    runner:give(from, size)
    runner.ctx.out_size, runner.ctx.out_rows = 0, 0
    string.gsub("x", "x", enter)
    assert(rc == 0, rc)
  end
  local fn = lib[c_name]
  local function c_batch() return fn(from, size, to) end
  for _ = 1, 200 do
    lua_batch()
    c_batch()
  end
  assert(tonumber(runner.ctx.out_size) == tonumber(c_batch()), name .. ": the sizes differ")
  local lua_ns, c_ns, ratios = {}, {}, {}
  for pair = 1, PAIRS do
    local t0 = os.clock()
    for _ = 1, BATCHES do lua_batch() end
    local t1 = os.clock()
    for _ = 1, BATCHES do c_batch() end
    local t2 = os.clock()
    lua_ns[pair], c_ns[pair] = (t1 - t0) / BATCHES / ROWS * 1e9, (t2 - t1) / BATCHES / ROWS * 1e9
    ratios[pair] = lua_ns[pair] / c_ns[pair]
  end
  print(("%-36s %8.2f %8.2f %7.2f"):format(name, median(lua_ns), median(c_ns), median(ratios)))
end
