-- Errors of tests: Lua errors at the line of the spec that made the call, with the job's message.
local trouble = {}

-- The level of the function that called into the kit, for error().
local function level_of_caller()
  for level = 3, 200 do
    local info = debug.getinfo(level, "S")
    if not info then return 2 end
    if info.what ~= "C" and not info.source:find("^=tidemill:kit")
      and not info.source:find("[/\\]luassert[/\\]") then return level - 1 end
  end
  return 2
end

---@param err table { code, message, where, hint } as the engine gives it
function trouble.text(err)
  local parts = { err.code, " " }
  if err.where ~= "" then parts[#parts + 1] = err.where:match("^[^\n]*") .. ": " end
  parts[#parts + 1] = err.message
  local source = err.where:match("\n(.*)$")
  if source then parts[#parts + 1] = "\n" .. source end
  if err.hint ~= "" then parts[#parts + 1] = "\n  hint: " .. err.hint end
  return table.concat(parts)
end

function trouble.raise(err) error(trouble.text(err), level_of_caller()) end

local CODES = { ARGUMENT = "TM0304", UNKNOWN_NAME = "TM0305", UNKNOWN_FIELD = "TM0307", TEST_USE = "TM0320" }

---A mistake in the spec itself.
function trouble.wrong(code, message, hint)
  trouble.raise { code = assert(CODES[code], code), where = "", message = message, hint = hint or "" }
end

return trouble
