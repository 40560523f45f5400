-- Names that nobody declared, in the functions of an operator: their bytecode says which globals they read, so a slip of
-- the pen is found when the job is planned and not with the first row that gets there. The sandbox says what is known.
local opcodes = require "codegen.opcodes"
local sandbox = require "tidemill.sandbox"
local util = require "jit.util"

local undeclared = {}

local function check(fn, prefix)
  local refuse = sandbox.refusal(fn)
  if not refuse then return end -- not of the job's own environment
  for _, i in ipairs(opcodes.decode(fn) or {}) do
    if i.op == "GGET" then
      local path = (util.funcinfo(fn).source or ""):gsub("^[@=]", "")
      refuse(opcodes.constant(fn, i.d), ("%s:%d"):format(path, i.line), prefix)
    end
  end
end

---Raises UNKNOWN_NAME or SANDBOX for the first name that the functions of an analysed node read and that is not there.
---@param node table after codegen.derive
function undeclared.check(node)
  local analyses = { node.codegen and node.codegen.analysis }
  for _, assign in ipairs(node.codegen and node.codegen.assigns or {}) do analyses[#analyses + 1] = assign.analysis end
  local roles = node.codegen and node.codegen.roles or {}
  for _, role in ipairs { "event", "periodic", "timer", "open", "close" } do
    analyses[#analyses + 1] = roles[role] and roles[role].analysis
  end
  if node.kind == "window" then analyses = require("codegen.window").analyses(node) end
  for _, analysis in ipairs(analyses) do
    for _, fn in ipairs(analysis.functions) do check(fn, node.name .. ": ") end
  end
end

return undeclared
