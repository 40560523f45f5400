-- What luassert learns: assert.emits, assert.state, assert.watermark, with messages that show what differs.
local same = require "kit.same"
local shown = require "kit.shown"

local asserts = {}

local ROWS_SHOWN = 20

local function rows(n) return n == 1 and "1 row" or n .. " rows" end

-- The longest common rows of two lists, as pairs of places; lists of tests are short.
local function aligned(expected, given)
  local n, m, best = #expected, #given, {}
  for i = n + 1, 1, -1 do
    best[i] = {}
    for j = m + 1, 1, -1 do
      if i > n or j > m then
        best[i][j] = 0
      elseif same(expected[i], given[j]) then
        best[i][j] = best[i + 1][j + 1] + 1
      else
        best[i][j] = math.max(best[i + 1][j], best[i][j + 1])
      end
    end
  end
  return best
end

-- Lines of a diff: "  " both, "- " expected and missing, "+ " given and not expected.
local function diff(expected, given)
  local lines, i, j = {}, 1, 1
  local best = #expected * #given <= 250000 and aligned(expected, given)
  while i <= #expected or j <= #given do
    local e, g = expected[i], given[j]
    if i <= #expected and j <= #given and same(e, g) then
      lines[#lines + 1] = "    " .. shown.value(g)
      i, j = i + 1, j + 1
    elseif j > #given or i <= #expected and (not best or best[i + 1][j] >= best[i][j + 1]) then
      lines[#lines + 1] = "  - " .. shown.value(e)
      i = i + 1
    else
      lines[#lines + 1] = "  + " .. shown.value(g)
      j = j + 1
    end
  end
  local left = #lines - ROWS_SHOWN
  while #lines > ROWS_SHOWN do lines[#lines] = nil end
  if left > 0 then lines[#lines + 1] = ("    ... and %d more lines"):format(left) end
  return table.concat(lines, "\n")
end

local function emits(state, arguments)
  local test, sink, expected, options = arguments[1], arguments[2], arguments[3], arguments[4]
  if type(expected) ~= "table" or next(expected) ~= nil and expected[1] == nil then
    error("assert.emits(t, sink, rows): the rows are a list of tables, given " .. shown.value(expected), 3)
  end
  local given = test:take(sink, options)
  local ok = #given == #expected and same(given, expected)
  if not ok then
    state.failure_message = ("%s gave %s, expected %s (- expected, + given)\n%s"):format(sink, rows(#given), rows(#expected),
      diff(expected, given))
  end
  return ok
end

local function state_of(state, arguments)
  local test, name, key, expected = arguments[1], arguments[2], arguments[3], arguments[4]
  if type(expected) ~= "table" then error("assert.state(t, operator, key, { name = value, ... })", 3) end
  local given, lines = test:state(name, key), {}
  local names = {}
  for n in pairs(given) do names[n] = true end
  for n in pairs(expected) do names[n] = true end
  local sorted = {}
  for n in pairs(names) do sorted[#sorted + 1] = n end
  table.sort(sorted, function(a, b) return tostring(a) < tostring(b) end)
  for _, n in ipairs(sorted) do
    if type(n) == "string" and given[n] == nil then test:state(name, key, n) end -- is there such a state?
    if not same(given[n], expected[n]) then
      lines[#lines + 1] = ("  %s: expected %s, it is %s"):format(tostring(n), shown.value(expected[n]), shown.value(given[n]))
    end
  end
  if #lines > 0 then
    state.failure_message = ("the state of %s for the key %s differs\n%s"):format(name, shown.value(key), table.concat(lines, "\n"))
  end
  return #lines == 0
end

local function watermark(state, arguments)
  local test, name, expected = arguments[1], arguments[2], arguments[3]
  local given, holder = test:watermark(name)
  if given == expected then return true end
  local by = holder and ('; "%s" holds it back'):format(holder.source) ..
    (holder.at and (", at %s since %s"):format(shown.value(holder.at), shown.value(holder.since))
      or ": it has given none yet") or ""
  state.failure_message = ("the watermark of %s is %s, expected %s%s"):format(name, shown.value(given), shown.value(expected), by)
  return false
end

local replaced = setmetatable({}, { __mode = "k" })

---Makes them known to a luassert; where there is none, nothing.
function asserts.register()
  local ok, assert = pcall(require, "luassert")
  local said, say = pcall(require, "say")
  if not ok or not said then return end
  for name, check in pairs { emits = emits, state = state_of, watermark = watermark } do
    local positive, negative = ("assertion.%s.positive"):format(name), ("assertion.%s.negative"):format(name)
    say:set(positive, "")
    say:set(negative, "assert.not_" .. name .. ": it is so")
    assert:register("assertion", name, check, positive, negative)
  end
  -- luassert has a function of this name for itself, which takes nothing.
  local own = assert.state
  if not replaced[own] then
    assert.state = function(...)
      if select("#", ...) == 0 then return own() end
      return own().state(...) -- a tail call: the message names the line of the spec
    end
    replaced[assert.state] = true
  end
end

return asserts
