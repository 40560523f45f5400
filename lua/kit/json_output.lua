-- What `tidemill test --output json` prints: as busted's own form, which cannot write what it keeps of a pending case (its functions),
-- nor bytes that are no text.
local clean = require "kit.clean"
local dkjson = require "dkjson"

-- Values without what JSON does not have. `above`: the tables around, as elements may refer to those that hold them.
local function plain(v, above)
  if type(v) == "function" or type(v) == "userdata" or type(v) == "thread" or type(v) == "cdata" then return nil end
  if type(v) == "number" and (v ~= v or v == math.huge or v == -math.huge) then return tostring(v) end
  if type(v) == "string" then return clean.utf8(v) end
  if type(v) ~= "table" then return v end
  if above[v] then return nil end
  above[v] = true
  local copy, array = {}, #v > 0 or next(v) == nil
  for k, x in pairs(v) do
    if type(k) == "string" then copy[clean.utf8(k)] = plain(x, above)
    elseif array and type(k) == "number" then copy[k] = plain(x, above) end
  end
  above[v] = nil
  return copy
end

return function()
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  busted.subscribe({ "suite", "end" }, function()
    local all = { duration = handler.getDuration() }
    for _, name in ipairs { "pendings", "successes", "failures", "errors" } do all[name] = plain(handler[name], {}) end
    io.write(dkjson.encode(all), "\n")
    io.flush()
    return nil, true
  end)
  return handler
end
