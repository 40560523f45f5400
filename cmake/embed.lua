-- Embeds Lua modules and FFI headers into one C file: luajit embed.lua ROOT OUT FILE...
-- Modules are there twice: compiled, because parsing them would be most of what a short job costs, and as text for a LuaJIT
-- that does not take this one's bytecode. The names of chunks are those that core/vm/libraries.c gives.
-- A module's name is its path below lua/ or stdlib/ with dots, without .lua and a final /init; another file's (FFI headers, the texts of
-- `tidemill new`) is its path.
local root, out_path = arg[1], arg[2]

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read("*a")
  f:close()
  return text
end

local function module_name(path)
  local rel = path:sub(#root + 2)
  if not rel:match("^lua/.*%.lua$") and not rel:match("^stdlib/.*%.lua$") or rel:match("^lua/meta/") then return rel end
  rel = rel:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", "")
  return (rel:gsub("/", "."))
end

local function compile(name, text)
  if name:find("/", 1, true) then return "" end -- a text, not a module
  return string.dump(assert(loadstring(text, "=tidemill:" .. name)))
end

local entries, parts = {}, {}
for i = 3, #arg do
  local name, text = module_name(arg[i]), read(arg[i])
  entries[#entries + 1] = { name = name, text = text, code = compile(name, text) }
end
table.sort(entries, function(a, b) return a.name < b.name end)
parts[#parts + 1] = '#include "core/vm/embedded.h"\n'
local function put_bytes(name, bytes)
  local numbers = {}
  for p = 1, #bytes do
    numbers[#numbers + 1] = bytes:byte(p) .. ((p % 32 == 0) and ",\n" or ",")
  end
  parts[#parts + 1] = ("static const unsigned char %s[] = {%s 0};\n"):format(name, table.concat(numbers))
end
for i, e in ipairs(entries) do
  put_bytes("t" .. i, e.text)
  put_bytes("c" .. i, e.code)
end
parts[#parts + 1] = "const struct tm_embedded tm_embedded_files[] = {\n"
for i, e in ipairs(entries) do
  parts[#parts + 1] = ('    {"%s", (const char *)t%d, %d, (const char *)c%d, %d},\n'):format(e.name, i, #e.text, i, #e.code)
end
parts[#parts + 1] = "    {0, 0, 0, 0, 0},\n};\n"
local f = assert(io.open(out_path, "wb"))
f:write(table.concat(parts))
f:close()
