-- What the specs of the helper functions share: the library as job code gets it, over the memory of the test library.
local support = require "tests.spec.codegen.support"
local ffi = require "ffi"

pcall(ffi.cdef, "void *tm_test_text(void);")

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil, "no such file" end
  local text = file:read("*a")
  file:close()
  return text
end

require("library.attach")(tonumber(ffi.cast("intptr_t", support.library.tm_test_text())), read)

require("tidemill.clock").set_source(function() return 1767323045678 end)

local library = require "library"

---tm of the helper functions alone: tm.text, tm.re, ...
support.tm = {}
for _, name in ipairs(library.names) do support.tm[name] = library.get(name) end

---The functions of a namespace by name, "re" left out.
function support.functions(name) return require("library." .. name).functions end

support.namespaces = {}
for _, name in ipairs(library.names) do
  if name ~= "re" then support.namespaces[#support.namespaces + 1] = name end
end

---The message that a call raises.
function support.message(fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("no error was raised", 2) end
  return type(err) == "table" and err.message .. (err.hint ~= "" and " | " .. err.hint or "") or tostring(err)
end

return support
