-- Makes the catalogue of errors into C: luajit catalogue.lua OUT ERRORS.def FILE.lua...
-- Each file returns a list of { NAME, group =, cause =, fix =, run =, files = { { name, text }, ... } } or, where nothing
-- provokes the error at will, without = "why". An entry that no code has is an error; a code without one is found by a test.
local numbers = {}
for line in io.lines(arg[2]) do
  local name, number = line:match("^TM_ERROR%((%u[%u%d_]*),%s*(%d+),")
  if name then numbers[name] = tonumber(number) end
end

local entries, seen = {}, {}
for i = 3, #arg do
  for _, entry in ipairs(dofile(arg[i])) do
    local name = entry[1]
    assert(numbers[name], ("%s: there is no error %s in errors.def"):format(arg[i], name))
    assert(not seen[name], ("%s: %s is there twice"):format(arg[i], name))
    assert(entry.group and entry.cause and entry.fix, ("%s: %s needs group, cause and fix"):format(arg[i], name))
    assert((entry.run == nil) ~= (entry.without == nil), ("%s: %s needs run or without"):format(arg[i], name))
    seen[name] = true
    entries[#entries + 1] = entry
  end
end
table.sort(entries, function(a, b) return numbers[a[1]] < numbers[b[1]] end)

local function quoted(text)
  if not text then return "NULL" end
  text = text:gsub("^%s+", ""):gsub("%s+$", "")
  return '"' .. text:gsub('[^%w %.,:;%(%)%[%]{}<>%+%-%*/=_#%%!&|~^$@`\']', function(c) return ("\\%03o"):format(c:byte()) end) .. '"'
end

-- Prose is one line for C, whatever its lines here.
local function prose(text) return quoted(text and text:gsub("%s*\n%s*", " ")) end

local out = { '// Made by cmake/catalogue.lua.\n#include "core/cli/catalogue.h"\n\nconst struct tm_catalogue_entry tm_catalogue[] = {\n' }
for _, e in ipairs(entries) do
  out[#out + 1] = ("    {TM_E_%s, %s,\n     %s,\n     %s,\n     %s, %s,\n     {"):format(e[1], quoted(e.group), prose(e.cause),
    prose(e.fix), quoted(e.run), prose(e.without))
  assert(#(e.files or {}) < 4, e[1] .. ": too many files")
  for _, f in ipairs(e.files or {}) do out[#out + 1] = ("{%s, %s}, "):format(quoted(f[1]), quoted(f[2])) end
  out[#out + 1] = "{NULL, NULL}}},\n"
end
out[#out + 1] = "    {0, NULL, NULL, NULL, NULL, NULL, {{NULL, NULL}}},\n};\n"
local f = assert(io.open(arg[1], "wb"))
f:write(table.concat(out))
f:close()
