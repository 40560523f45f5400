-- Reads *.ffi.h headers, which C and Lua share, into ffi.cdef. In the binary their texts are embedded (module "embedded",
-- filled by core/vm: path -> text); under busted they are read from the tree.
local ffi = require "ffi"

local header = {}

local function root()
  return debug.getinfo(1, "S").source:match("^@(.*)lua/ffi/header%.lua$") or ""
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

---Declares a header once per lua_State; declarations belong to that, while modules may be loaded into it again (busted does).
---@param path string "core/batch/row.ffi.h"
---@param name string one of the types in it: "struct tm_row"
function header.declare(path, name)
  if not pcall(ffi.typeof, name) then ffi.cdef(declarations(text_of(path))) end
end

return header
