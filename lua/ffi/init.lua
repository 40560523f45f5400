-- Declares to LuaJIT what C and Lua share: the *.ffi.h headers, once per lua_State. In the binary their texts are
-- embedded (module "embedded", filled by core/vm: path -> text); under busted they are read from the tree. Required
-- as "ffi.init", because "ffi" is LuaJIT's own library, which this gives back.
local ffi = require "ffi"

-- In the order of their use: none includes another, later ones name structs of earlier ones.
local HEADERS = {
  "core/batch/row.ffi.h", "core/batch/decimal.ffi.h", "core/graph/graph.ffi.h", "core/vm/chain.ffi.h",
}

local function root()
  return debug.getinfo(1, "S").source:match("^@(.*)lua/ffi/init%.lua$") or ""
end

local function text_of(path)
  local known, embedded = pcall(require, "embedded")
  if known and type(embedded) == "table" and embedded[path] then return embedded[path] end
  local file = assert(io.open(root() .. path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- The headers keep to declarations and to comments and directives that fill their lines.
local function declarations(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    if not line:find("^%s*#") and not line:find("^%s*//") then
      lines[#lines + 1] = line:gsub("%s//.*$", "")
    end
  end
  return table.concat(lines, "\n")
end

-- Declarations belong to the lua_State, this module may be loaded into it again (busted does).
if not pcall(ffi.typeof, "struct tm_chain_ctx") then
  for _, path in ipairs(HEADERS) do ffi.cdef(declarations(text_of(path))) end
  ffi.cdef "int memcmp(const void *a, const void *b, size_t n);"
end

return ffi
