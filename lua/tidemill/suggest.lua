-- The nearest valid name, for messages: edit distance with transpositions, at most a third of the longer name away; else a
-- name that begins with what was given, or the other way round.
-- The rule is the one of core/base/text.h, so that C and Lua suggest alike.
local suggest = {}

local min, max, floor = math.min, math.max, math.floor

local function distance(a, b, bound)
  if math.abs(#a - #b) > bound then return bound + 1 end
  local before, previous, current = {}, {}, {}
  for j = 0, #b do previous[j] = j end
  for i = 1, #a do
    current[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local d = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        d = min(d, before[j - 2] + 1)
      end
      current[j] = d
    end
    before, previous, current = previous, current, before
  end
  return previous[#b]
end

-- "user_id" for "user": the shortest such name.
local function by_prefix(given, names)
  local best
  for _, name in ipairs(names) do
    local n = min(#given, #name)
    if n >= 3 and #name <= 64 and name:sub(1, n):lower() == given:sub(1, n) and (not best or #name < #best) then
      best = name
    end
  end
  return best
end

---The name in `names` (a list) nearest to `given`, or nil. Case is ignored. Ties: the first in `names`.
---`suggest.nearest("usr_id", { "amount", "user_id" })` gives "user_id".
function suggest.nearest(given, names)
  given = tostring(given):lower()
  if #given > 64 then return nil end
  local best, best_distance
  for _, name in ipairs(names) do
    local bound = max(1, floor(max(#given, #name) / 3))
    local d = distance(given, name:lower(), bound)
    if d <= bound and (not best_distance or d < best_distance) then best, best_distance = name, d end
  end
  return best or by_prefix(given, names)
end

---`did you mean "user_id"?`, or nil.
function suggest.hint(given, names)
  local name = suggest.nearest(given, names)
  return name and ('did you mean "%s"?'):format(name) or nil
end

---Keys of a table as a sorted list: no text of ours ever depends on table order.
function suggest.keys(t)
  local names = {}
  for k in pairs(t) do if type(k) == "string" then names[#names + 1] = k end end
  table.sort(names)
  return names
end

---"a, b, c", at most `limit` (default 24) of them.
function suggest.list(names, limit)
  limit = limit or 24
  if #names <= limit then return table.concat(names, ", ") end
  return table.concat(names, ", ", 1, limit) .. (", ... (%d more)"):format(#names - limit)
end

return suggest
