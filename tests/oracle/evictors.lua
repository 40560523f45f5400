-- What is taken out of a window when it fires, over the list of its rows (SEMANTICS 4). An evictor is { kind =, after =, ... }; a
-- list holds { row =, time = } in the order of arrival.
local expr = require "tests.oracle.expr"

local evictors = {}

local KINDS = {
  count = function(e, list)
    while #list > e.n do table.remove(list, 1) end
  end,
  time = function(e, list)
    local newest = -math.huge
    for _, kept in ipairs(list) do newest = math.max(newest, kept.time) end
    for i = #list, 1, -1 do if list[i].time <= newest - e.age then table.remove(list, i) end end
  end,
  delta = function(e, list)
    local last = list[#list] and expr.value(e.x, list[#list].row)
    for i = #list, 1, -1 do if last - expr.value(e.x, list[i].row) >= e.threshold then table.remove(list, i) end end
  end,
}

function evictors.draw(random, info)
  local kind = random:weighted { { 3, "count" }, { info.timed and 3 or 0, "time" }, { 3, "delta" } }
  local e = { kind = kind, after = random:chance(40) or nil }
  if kind == "count" then e.n = random:int(1, 4) end
  if kind == "time" then e.age = random:pick { 1, 5, 20, 50 } end
  if kind == "delta" then e.threshold, e.x = random:int(1, 15), expr.draw_int(random, info.columns, 1) end
  return e
end

function evictors.fits(e, info) return (e.kind ~= "time" or info.timed) and (e.x == nil or expr.fits(e.x, info.columns)) end

function evictors.text(e)
  local after = e.after and ", { after = true }" or ""
  if e.kind == "delta" then
    return ("tm.evict.delta(%d, function(e, last) return %s - %s end%s)"):format(e.threshold, expr.text(e.x, "last"), expr.text(e.x, "e"),
      after)
  end
  return ("tm.evict.%s(%d%s)"):format(e.kind, e.n or e.age, after)
end

---Changes the list, in front of the function or behind it.
function evictors.evict(e, list, after)
  if e and (e.after or false) == after and #list > 0 then KINDS[e.kind](e, list) end
end

return evictors
