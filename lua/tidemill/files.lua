-- Options of tm.file beyond those that all connectors have: what they take, what goes together, and their form for C.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"

local files = {}

local COLUMNS_MAX = 8
local SPLIT_MIN = 64 * 1024
local SIZE_MAX = 2 ^ 53

-- { size = "128MB", every = "10m" }
local function roll(at, what, v)
  local values = check.options(at, what, v, {
    size = function(a, w, x) return check.size(a, w, x, 1, SIZE_MAX) end,
    every = function(a, w, x) return check.duration(a, w, x, 1) end,
  })
  if values.size == nil and values.every == nil then
    fault.raise("ARGUMENT", at, what .. ": neither size nor every is given", 'roll = { size = "128MB", every = "10m" }')
  end
  return values
end

-- "country" or { "country", "day" }; a list.
local function partition_by(at, what, v)
  if type(v) == "string" then v = { v } end
  if type(v) ~= "table" or freeze.kind(v) then
    check.wrong(at, what, "a column or a list of columns", v, 'partition_by = { "country" }')
  end
  local columns, seen = {}, {}
  for k in pairs(v) do
    if type(k) ~= "number" or k < 1 or k > #v then
      check.wrong(at, what, "a list of columns", v, 'partition_by = { "country" }')
    end
  end
  for i, name in ipairs(v) do
    columns[i] = check.name(at, what, name)
    if seen[name] then fault.raise("ARGUMENT", at, ("%s: %s stands there twice"):format(what, check.show(name))) end
    seen[name] = true
  end
  if #columns == 0 or #columns > COLUMNS_MAX then
    fault.raise("ARGUMENT", at, ("%s: from 1 to %d columns are taken, given %d"):format(what, COLUMNS_MAX, #columns))
  end
  return columns
end

files.options = {
  if_exists = { function(at, what, v) return check.choice(at, what, v, { "append", "replace" }) end, "sink", pass = true },
  compression = { function(at, what, v) return check.choice(at, what, v, { "none", "gzip", "zstd" }) end, "sink",
    pass = true },
  roll = { roll, "sink" }, partition_by = { partition_by, "sink" },
  split = { function(at, what, v) return check.size(at, what, v, SPLIT_MIN, SIZE_MAX) end, "source", pass = true },
  follow = { check.boolean, "source", pass = true },
}

---What C gets for options that have another form there.
function files.flat(values)
  local flat = {}
  local rolled = values.roll or {}
  for name, value in pairs { roll_size = rolled.size or false, roll_every = rolled.every or false,
    partition_by = values.partition_by and table.concat(values.partition_by, "\n") or false } do
    if value then flat[#flat + 1] = { name = name, value = value } end
  end
  return flat
end

local COMPRESSED = { gz = "gzip", zst = "zstd" }

-- The last suffix of a path, and the one in front of it where that is a compression's.
local function suffixes(path)
  local last = path:match("%.(%w+)$")
  if last and COMPRESSED[last] then return path:match("%.(%w+)%.%w+$"), last end
  return last, nil
end

---The suffix that names a path's format: of "a.csv.gz" it is "csv".
function files.suffix(path)
  local suffix, packing = suffixes(path)
  return (suffix or packing), packing
end

-- What can be cut at line ends, or at records that the engine finds.
local SPLITTABLE = { json = true, text = true, csv = true }

function files.check_split(self, format)
  local v = self.values
  local _, packing = suffixes(v.path)
  if v.follow then
    fault.raise("OPTION", self.at, self.what .. ": split and follow do not go together: pieces are of a file that has an end",
      "leave one of them out")
  end
  if packing then
    fault.raise("OPTION", self.at, ('%s: "%s" is compressed, and cannot be split'):format(self.what, v.path),
      "leave split out, or unpack it first; of several files each subtask reads some")
  end
  if not SPLITTABLE[format] then
    fault.raise("OPTION", self.at, ('%s: files of format "%s" cannot be split'):format(self.what, format),
      'JSON Lines, CSV and text can')
  end
end

---Options that do not go with what the path or the format says, of a source.
function files.check_source(self, format)
  local v = self.values
  if v.split then files.check_split(self, format) end
  local _, packing = suffixes(v.path)
  if v.follow and packing then
    fault.raise("OPTION", self.at, ('%s: "%s" is compressed, and only plain files can be followed'):format(self.what, v.path),
      "leave follow out: a compressed file does not grow by lines")
  end
end

---And of a sink. `is_file`: the path has the suffix of a format.
function files.check_sink(self, is_file)
  local v = self.values
  local many = v.partition_by and "partition_by" or v.roll and "roll"
  if many and is_file then
    fault.raise("OPTION", self.at, ('%s: "%s" is one file, and %s makes many: they go into a folder'):format(self.what, v.path,
      many), ('path = "%s"'):format((v.path:gsub("%.%w+$", ""):gsub("%.%w+$", ""))))
  end
  local _, packing = suffixes(v.path)
  if v.compression and is_file and v.compression ~= (packing and COMPRESSED[packing] or "none") then
    fault.raise("OPTION", self.at, ('%s: compression = "%s", and the suffix of "%s" says "%s"'):format(self.what, v.compression,
      v.path, packing and COMPRESSED[packing] or "none"), "of one file its suffix says it: .gz, .zst or neither")
  end
end

return files
