-- Embeds Lua modules and FFI headers into one C file: luajit embed.lua ROOT OUT FILE...
-- A module's name is its path below lua/ or stdlib/ with dots, without .lua and a final /init; an FFI header's is its path.
local root, out_path = arg[1], arg[2]

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read("*a")
  f:close()
  return text
end

local function module_name(path)
  local rel = path:sub(#root + 2)
  if rel:match("%.ffi%.h$") or rel:match("%.def$") then return rel end
  rel = rel:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", "")
  return (rel:gsub("/", "."))
end

local entries, parts = {}, {}
for i = 3, #arg do entries[#entries + 1] = { name = module_name(arg[i]), text = read(arg[i]) } end
table.sort(entries, function(a, b) return a.name < b.name end)
parts[#parts + 1] = '#include "core/vm/embedded.h"\n'
for i, e in ipairs(entries) do
  local bytes = {}
  for p = 1, #e.text do
    bytes[#bytes + 1] = e.text:byte(p) .. ((p % 32 == 0) and ",\n" or ",")
  end
  parts[#parts + 1] = ("static const unsigned char e%d[] = {%s 0};\n"):format(i, table.concat(bytes))
end
parts[#parts + 1] = "const struct tm_embedded tm_embedded_files[] = {\n"
for i, e in ipairs(entries) do
  parts[#parts + 1] = ('    {"%s", (const char *)e%d, %d},\n'):format(e.name, i, #e.text)
end
parts[#parts + 1] = "    {0, 0, 0},\n};\n"
local f = assert(io.open(out_path, "wb"))
f:write(table.concat(parts))
f:close()
