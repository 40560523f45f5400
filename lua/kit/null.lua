-- tm.null of specs: what stands for null inside of lists and maps, which cannot hold nil.
return setmetatable({}, { __tostring = function() return "tm.null" end, __newindex = function()
  error("tm.null cannot be changed", 2)
end })
