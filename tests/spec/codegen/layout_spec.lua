-- The layout of rows in Lua agrees with the one that C decides (core/batch/schema.c).
local support = require "tests.spec.codegen.support"
local ffi = require "ffi.init"
local layout = require "ffi.layout"

ffi.cdef [[
struct spec_type { uint8_t kind, precision, scale; void *of; };
struct spec_field { const char *name; struct spec_type type; uint32_t flags; uint32_t offset; };
struct spec_def { const char *name; struct spec_type type; uint32_t flags; };
struct spec_schema {
    int refs; uint32_t field_count, null_words, fixed_bytes; bool has_references; int32_t time_field;
    uint32_t all_fields, depth; uint64_t fingerprint; void *mem; struct spec_field fields[?];
};
struct spec_memory {
    void *(*alloc)(void *ctx, size_t size); void *(*realloc)(void *ctx, void *p, size_t old_size, size_t new_size);
    void (*free)(void *ctx, void *p, size_t size);
};
struct spec_fx { void *ctx; const void *clock, *random, *files, *threads; const struct spec_memory *memory; };
struct spec_mem { const struct spec_fx *fx; void *parent; int64_t used_bytes; int64_t limit_bytes; };
int tm_schema_new(struct spec_mem *mem, const struct spec_def *defs, uint32_t count, int32_t time_field,
                  struct spec_schema **schema, void *err);
int tm_type_parse(struct spec_mem *mem, const char *text, struct spec_type *type, void *err);
void tm_type_fini(struct spec_type *type);
void tm_schema_unref(struct spec_schema *schema);
void *malloc(size_t n);
void free(void *p);
]]

local TYPES = { "bool", "int", "int64", "double", "decimal(10,2)", "decimal(38,0)", "string", "bytes", "timestamp", "list(int)",
  'struct(a int!,"b c" map(string,any))', "any" }

-- An account of memory for C: struct tm_mem over a world that has memory only.
local memory = ffi.new("struct spec_memory")
memory.alloc = function(_, size) return ffi.C.malloc(size) end
memory.free = function(_, p) ffi.C.free(p) end
memory.realloc = function(_, p, old_size, new_size)
  local new = ffi.C.malloc(new_size)
  if p ~= nil then
    ffi.copy(new, p, math.min(tonumber(old_size), tonumber(new_size)))
    ffi.C.free(p)
  end
  return new
end
local fx = ffi.new("struct spec_fx")
fx.memory = memory
local mem = ffi.new("struct spec_mem")
mem.fx = fx
local anchors = { memory, fx, mem } -- C's pointers keep nothing alive

-- The schema as C lays it out.
local function in_c(schema)
  local lib = support.library
  assert.equal(3, #anchors)
  local defs, names = ffi.new("struct spec_def[?]", #schema.fields), {}
  for i, f in ipairs(schema.fields) do
    names[i] = f.name
    defs[i - 1].name = names[i]
    assert.equal(0, lib.tm_type_parse(mem, f.type, defs[i - 1].type, nil))
    defs[i - 1].flags = f.required and 1 or 0
  end
  local made = ffi.new("struct spec_schema *[1]")
  assert.equal(0, lib.tm_schema_new(mem, defs, #schema.fields, -1, made, nil))
  for i in ipairs(schema.fields) do lib.tm_type_fini(defs[i - 1].type) end
  return made[0]
end

local function random_schema(columns)
  local s = { fields = {}, by_name = {} }
  for i = 1, columns do
    s.fields[i] = { name = ("column %d-%d"):format(i, math.random(9)), type = TYPES[math.random(#TYPES)],
      required = math.random(2) == 1, hidden = false }
  end
  return s
end

describe("the layout of rows", function()
  it("is the one that C decides", function()
    local seed = os.time()
    math.randomseed(seed)
    for _ = 1, 30 do
      local s = random_schema(math.random(150))
      local l, c = layout.of(s), in_c(s)
      local at = "seed " .. seed
      assert.equal(c.fixed_bytes, l.fixed_bytes, at)
      assert.equal(c.null_words, l.null_words, at)
      assert.equal(c.has_references, l.has_references, at)
      for i, f in ipairs(l.fields) do
        assert.equal(c.fields[i - 1].offset, f.offset, at)
        assert.equal(c.fields[i - 1].type.precision, f.precision or 0, at)
        assert.equal(c.fields[i - 1].type.scale, f.scale or 0, at)
      end
      support.library.tm_schema_unref(c)
    end
  end)

  it("places the struct's members where the schema says", function()
    local seed = os.time()
    math.randomseed(seed)
    for _ = 1, 50 do
      local l = layout.of(random_schema(math.random(200)))
      assert.equal(l.fixed_bytes, ffi.sizeof(l.ctype), "seed " .. seed)
      for _, f in ipairs(l.fields) do
        assert.equal(f.offset, ffi.offsetof(l.ctype, f.member), "seed " .. seed)
      end
      for w = 0, l.null_words - 1 do
        assert.equal(8 + 8 * w, ffi.offsetof(l.ctype, "w" .. w))
        assert.equal(8 + 8 * w, ffi.offsetof(l.ctype, "n" .. 2 * w))
      end
    end
  end)

  it("numbers null bits over 32-bit words as C does over 64-bit ones", function()
    local s = random_schema(70)
    local l = layout.of(s)
    local row = ffi.new(l.ctype)
    for i, f in ipairs(l.fields) do
      row[f.null_member] = bit.bor(row[f.null_member], f.null_bit)
      local words = ffi.cast("uint64_t *", ffi.cast("uint8_t *", row) + 8)
      local word = math.floor((i - 1) / 64)
      assert.is_true(bit.band(words[word], bit.lshift(1ULL, (i - 1) % 64)) ~= 0)
    end
  end)

  it("is one struct for schemas of the same columns", function()
    assert.equal(layout.of(support.schema "a int; b string").ctype, layout.of(support.schema "a int; b string").ctype)
  end)

  it("refuses a type that is not settled", function()
    assert.has_error(function() layout.of(support.schema "a ?") end)
  end)
end)
