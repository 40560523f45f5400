-- tm.null: the null of a field, where Lua's nil cannot be written (a table would lose the key).
return setmetatable({}, {
  __tostring = function() return "null" end,
  __newindex = function() error("tm.null is read-only", 2) end,
  __metatable = false,
})
