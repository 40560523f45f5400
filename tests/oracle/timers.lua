-- Timers of keys as SEMANTICS 8 has them: a set by (domain, time, key, name, and what they are of), in a plain list.
local Timers = {}
Timers.__index = Timers

function Timers.new() return setmetatable({ list = {} }, Timers) end

local function position(self, domain, at, key, name, of)
  for i, t in ipairs(self.list) do
    if t.domain == domain and t.at == at and t.key == key and t.name == name and t.of == of then return i end
  end
end

function Timers:add(domain, at, key, name, of)
  if position(self, domain, at, key, name, of) then return end
  self.list[#self.list + 1] = { domain = domain, at = at, key = key, name = name, of = of }
end

function Timers:remove(domain, at, key, name, of)
  local i = position(self, domain, at, key, name, of)
  if i then table.remove(self.list, i) end
end

---Takes all timers of something out.
function Timers:forget(of)
  for i = #self.list, 1, -1 do if self.list[i].of == of then table.remove(self.list, i) end end
end

local function before(a, b)
  if a.at ~= b.at then return a.at < b.at end
  if a.key ~= b.key then return a.key < b.key end
  return a.name < b.name
end

local function first(self, domain)
  local least
  for i, t in ipairs(self.list) do
    if t.domain == domain and (least == nil or before(t, self.list[least])) then least = i end
  end
  return least
end

---Takes out, one after the other, those that are due at a time, also those that are added meanwhile.
function Timers:due(domain, at)
  return function()
    local i = first(self, domain)
    if i and self.list[i].at <= at then return table.remove(self.list, i) end
  end
end

---When the clock has to be for the next one; nil: there is none. It fires when its millisecond is over.
function Timers:deadline()
  local i = first(self, "processing")
  return i and self.list[i].at + 1 or nil
end

return Timers
