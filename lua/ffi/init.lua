-- Declares to LuaJIT what C and Lua share of rows and chunks: *.ffi.h headers, once per lua_State. Required as "ffi.init",
-- because "ffi" is LuaJIT's own library, which this gives back.
local ffi = require "ffi"
local header = require "ffi.header"

-- In the order of their use: none includes another, later ones name structs of earlier ones.
header.declare("core/batch/row.ffi.h", "struct tm_row")
header.declare("core/batch/any.ffi.h", "struct tm_any_item")
header.declare("core/batch/decimal.ffi.h", "struct tm_decimal_value")
header.declare("core/graph/graph.ffi.h", "struct tm_graph *")
if not pcall(ffi.typeof, "struct tm_chain_ctx") then
  ffi.cdef "int memcmp(const void *a, const void *b, size_t n);"
end
header.declare("core/vm/chain.ffi.h", "struct tm_chain_ctx")

return ffi
