-- Draws that follow from a seed alone: the same on every machine, whatever else draws.
local Random = {}
Random.__index = Random

---@param seed integer from 0 on
function Random.new(seed)
  local self = setmetatable({ x = (seed * 48271 + 11) % 2147483646 + 1 }, Random)
  for _ = 1, 8 do self:next() end
  return self
end

-- Park and Miller's generator; the product is below 2^53.
function Random:next()
  self.x = self.x * 16807 % 2147483647
  return self.x
end

---A whole number from low to high.
function Random:int(low, high) return low + math.floor((self:next() - 1) / 2147483646 * (high - low + 1)) end

---True in so many of a hundred.
function Random:chance(percent) return self:int(1, 100) <= percent end

function Random:pick(list) return list[self:int(1, #list)] end

---One of { { weight, value }, ... }.
function Random:weighted(list)
  local total = 0
  for _, entry in ipairs(list) do total = total + entry[1] end
  local at = self:int(1, total)
  for _, entry in ipairs(list) do
    at = at - entry[1]
    if at <= 0 then return entry[2] end
  end
end

---Some of a list, at least `least`, in its order.
function Random:some(list, least, percent)
  local chosen, left = {}, #list
  for _, item in ipairs(list) do
    if #chosen + left <= least or self:chance(percent or 50) then chosen[#chosen + 1] = item end
    left = left - 1
  end
  return chosen
end

return Random
