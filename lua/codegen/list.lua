-- How long a list is that user code gives as a table. LuaJIT's `#` is any number with an item in front of it and none behind it:
-- what `t[1] = e.a t[2] = e.b t[3] = e.c` makes is 3 or 1 long without `b`, as the table was made. What counts here is what is in it:
-- a list ends at its largest key, and an item that is not there is null.
local heat = require "codegen.heat"

local list = {}

local type, next, floor = type, next, math.floor

-- A list has at most so many keys that are not there: a table of numbers by number (ids, codes) is no list of what lies between.
local LARGEST = 64 -- may be the largest key of any list
local THIN = 4     -- times as long as it has items may a list be

---The length that the keys say; nil: they are not those of a list, and why, as text for messages.
---@return integer? length
---@return string? why
---@return string? hint
function list.measure(t)
  local count, largest = 0, 0
  for k in next, t do
    if type(k) ~= "number" or k < 1 or k ~= floor(k) then
      return nil, ("given a table with the key %s"):format(require("codegen.problem").show(k)), "a list is given as a table: { a, b, c }"
    end
    count = count + 1
    if k > largest then largest = k end
  end
  if largest > LARGEST and largest > THIN * count then
    return nil, ("given a table with the key %.14g, of only %d item%s"):format(largest, count, count == 1 and "" or "s"),
      ("a list has the keys 1 to n; nulls may stand in it, up to key %d or %d times as many as it has items"):format(LARGEST, THIN)
  end
  return largest
end

-- Keys that next gives as 1, 2, 3 ... and nothing else are a list without a hole, whatever `#` says. Short ones are looked at one by
-- one: no loop stands in the way of the trace of the row.
---The length of a list; -1: the table is none.
function list.length(t)
  local k = next(t)
  if k == nil then return 0 end
  if k == 1 then
    k = next(t, 1)
    if k == nil then return 1 end
    if k == 2 then
      k = next(t, 2)
      if k == nil then return 2 end
      if k == 3 then
        k = next(t, 3)
        if k == nil then return 3 end
        if k == 4 then
          k = next(t, 4)
          if k == nil then return 4 end
          local n, count = #t, 0
          for key in next, t do
            count = count + 1
            if key ~= count then return list.measure(t) or -1 end
          end
          if count == n then return n end
        end
      end
    end
  end
  return list.measure(t) or -1
end

---Are all keys numbers from 1, so that it is a list or an error, and never a map?
function list.is_numbered(t)
  local some = false
  for k in next, t do
    if type(k) ~= "number" or k < 1 or k ~= floor(k) then return false end
    some = true
  end
  return some
end

heat.share(list.length)

return list
