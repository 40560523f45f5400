-- The option `restart` of tm.job: what happens when the job fails. core/graph/restart.h has the bounds, and
-- core/cluster/failover.c decides by it.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local suggest = require "tidemill.suggest"

local restart = {}

local function duration(low)
  return function(at, what, value) return check.wait(at, what, value, low) end
end

local function between(low, high)
  return function(at, what, value)
    if type(value) ~= "number" or not (value >= low and value <= high) then
      check.wrong(at, what, ("a number from %g to %g"):format(low, high), value)
    end
    return value
  end
end

local function whole(high)
  return function(at, what, value) return check.integer(at, what, value, 1, high) end
end

-- What each strategy takes beside its name.
local OPTIONS = {
  none = {},
  fixed = { delay = duration(0), attempts = whole(1000000), reset_after = duration(1) },
  rate = { delay = duration(0), failures = whole(256), interval = duration(1) },
  exponential = {
    delay = duration(0), max_delay = duration(1), factor = between(1, 100), jitter = between(0, 1),
    attempts = whole(1000000), reset_after = duration(1),
  },
}
local DEFAULTS = {
  none = {},
  fixed = { delay = 1000, reset_after = 3600000 },
  rate = { delay = 1000, failures = 5, interval = 600000 },
  exponential = { delay = 1000, max_delay = 60000, factor = 1.5, jitter = 0.1, reset_after = 3600000 },
}
local STRATEGIES = { "exponential", "fixed", "rate", "none" }

local function strategy_of(at, what, value)
  return check.choice(at, what, value, STRATEGIES, 'for example restart = "fixed"')
end

-- An option of another strategy is more likely a wrong strategy than a wrong name.
local function check_strangers(at, what, strategy, given)
  for name in pairs(given) do
    local owners = {}
    for _, other in ipairs(STRATEGIES) do
      if OPTIONS[other][name] then owners[#owners + 1] = ('"%s"'):format(other) end
    end
    if #owners > 0 and not OPTIONS[strategy][name] then
      local names = suggest.keys(OPTIONS[strategy])
      fault.raise("OPTION", at, ("%s: the strategy \"%s\" has no option \"%s\"; %s"):format(what, strategy, name,
        #names == 0 and "it takes none" or "its options are " .. table.concat(names, ", ")),
        ("%s is an option of %s"):format(name, table.concat(owners, ", ")))
    end
  end
end

---@param value any a strategy's name, false, or a table with `strategy` and what it takes
---@return table policy strategy, delay, max_delay, interval, reset_after in ms, factor, jitter, attempts, failures
function restart.options(at, what, value)
  local policy
  if value == false then
    policy = { strategy = "none" }
  elseif type(value) ~= "table" or freeze.kind(value) then
    policy = { strategy = strategy_of(at, what, value) }
  else
    local strategy = value.strategy == nil and "exponential" or strategy_of(at, what .. ": strategy", value.strategy)
    check_strangers(at, what, strategy, value)
    local spec = { strategy = function(_, _, v) return v end }
    for name, each in pairs(OPTIONS[strategy]) do spec[name] = each end
    policy = check.options(at, what, value, spec)
    policy.strategy = strategy
  end
  for name, default in pairs(DEFAULTS[policy.strategy]) do policy[name] = policy[name] or default end
  if policy.max_delay and policy.max_delay < policy.delay then
    fault.raise("ARGUMENT", at, ("%s: max_delay (%s) is shorter than delay (%s)"):format(what,
      check.show_duration(policy.max_delay), check.show_duration(policy.delay)))
  end
  return policy
end

return restart
