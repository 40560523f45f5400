-- Read-only objects. What a job script holds of ours (tm, streams, schemas, sinks, libraries) is an empty table with a
-- locked metatable; the contents lie in a side table that only the engine can reach.
local fault = require "tidemill.fault"

local freeze = {}

local contents = setmetatable({}, { __mode = "k" }) -- object -> its contents
local kinds = setmetatable({}, { __mode = "k" })    -- object -> "stream", "sink", ...
local members = setmetatable({}, { __mode = "k" })  -- object -> table of its names or methods
local locate = function() return "" end

-- The place of the caller in the job script: set by the session, because this file knows no sessions.
function freeze.set_locator(fn) locate = fn end

local function refuse_write(what)
  return function(_, key)
    fault.raise("SANDBOX", locate(), ("%s is read-only: cannot set %s"):format(what, tostring(key)))
  end
end

---A read-only table of names: `what` is how messages call it. Reading a name that is missing calls `missing(name)`.
---@param what string "tm"
---@param content table copied
---@param missing fun(name: any): any? nil: a missing name reads as nil
function freeze.table(what, content, missing)
  local copy = {}
  for k, v in pairs(content) do copy[k] = v end
  if missing then
    setmetatable(copy, { __index = function(_, k) return missing(k) end })
  end
  local object = setmetatable({}, {
    __index = copy,
    __newindex = refuse_write(what),
    __metatable = false,
    __tostring = function() return what end,
  })
  contents[object], kinds[object], members[object] = copy, "table", copy
  return object
end

---An opaque object of the engine.
---@param kind string "stream", "sink", ...: what messages call it, after "a"
---@param content table the engine's, never handed out
---@param index table|fun(object: table, key: any)|nil methods
function freeze.object(kind, content, index)
  local object = setmetatable({}, {
    __index = index,
    __newindex = refuse_write("a " .. kind),
    __metatable = false,
    __tostring = function() return kind end,
  })
  contents[object], kinds[object], members[object] = content, kind, type(index) == "table" and index or nil
  return object
end

---The contents of an object, when it is of that kind (or of any kind, when none is given); else nil.
function freeze.content(object, kind)
  if kind and kinds[object] ~= kind then return nil end
  return contents[object]
end

---The names of a frozen table or the methods of an object, for the analysis of operators. A name that is missing is reported
---by reading it.
---@return table?
function freeze.members(object)
  return members[object]
end

---"stream", "sink", "table", ... or nil when the value is none of ours.
function freeze.kind(object)
  return kinds[object]
end

return freeze
