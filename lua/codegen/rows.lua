-- Whole rows between bytes and Lua tables: for rows met before types are known, and for tests. Generated chunks do
-- not come through here.
local ffi = require "ffi.init"
local decimal = require "codegen.decimal"
local int64 = require "codegen.int64"

local rows = {}

-- What a row of a changelog is, by its number (enum tm_row_kind).
rows.KINDS = { [0] = "+I", "-U", "+U", "-D" }

local bytes = ffi.typeof("uint8_t *")

-- The bytes of a nested or any value, kept beyond its row.
local Stored = {}

---@param type_name string
---@param s string
function rows.stored(type_name, s) return setmetatable({ type = type_name, bytes = s }, Stored) end

function rows.is_stored(value) return type(value) == "table" and getmetatable(value) == Stored end

---The values of a row by column, hidden ones included; nulls are absent. Nested and any values are stored bytes.
---@param l ffi.layout
---@param at ffi.cdata* address of the row
function rows.read(l, at)
  local row = ffi.cast(l.pointer, at)
  local values = {}
  for _, f in ipairs(l.fields) do
    if bit.band(row[f.null_member], f.null_bit) == 0 then
      local v = row[f.member]
      if f.kind == "double" then values[f.name] = v
      elseif f.kind == "bool" then values[f.name] = v ~= 0
      elseif f.kind == "int64" then values[f.name] = int64.type(v)
      elseif f.kind == "decimal" then values[f.name] = decimal.type(v.low, v.high, f.scale)
      elseif f.reference then
        local s = ffi.string(ffi.cast(bytes, at) + v.offset, v.length)
        if f.view then values[f.name] = rows.stored(f.type, s) else values[f.name] = s end
      else values[f.name] = tonumber(v) end
    end
  end
  return values
end

---Bytes that a row of these values takes.
function rows.size(l, values)
  local size = l.fixed_bytes
  for _, f in ipairs(l.fields) do
    if f.view and values[f.name] ~= nil then size = math.ceil(size / 8) * 8 + #values[f.name].bytes
    elseif f.reference and values[f.name] ~= nil then size = size + #values[f.name] end
  end
  return math.ceil(size / 8) * 8
end

---Writes a row. Values have the types of their columns; there is room for rows.size bytes.
---@param kind integer? kind of the row in a changelog
---@return integer size
function rows.write(l, at, values, kind)
  local size = rows.size(l, values)
  ffi.fill(at, size)
  local row, tail = ffi.cast(l.pointer, at), l.fixed_bytes
  row.size_bytes, row.kind = size, kind or 0
  for _, f in ipairs(l.fields) do
    local v = values[f.name]
    if v == nil then
      row[f.null_member] = bit.bor(row[f.null_member], f.null_bit)
    elseif f.kind == "bool" then row[f.member] = v and 1 or 0
    elseif f.kind == "int64" then row[f.member] = v.value
    elseif f.kind == "decimal" then row[f.member].low, row[f.member].high = v.low, v.high
    elseif f.reference then
      if f.view then tail, v = math.ceil(tail / 8) * 8, v.bytes end
      row[f.member].offset, row[f.member].length = tail, #v
      ffi.copy(ffi.cast(bytes, at) + tail, v, #v)
      tail = tail + #v
    else row[f.member] = v end
  end
  return size
end

return rows
