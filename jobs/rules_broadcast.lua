-- Rules that come and go while the job runs: each payment is held against all rules that are in force when it comes.
--
--   tidemill run rules_broadcast.lua                                        on payments and rules that it makes up
--   tidemill run rules_broadcast.lua --set payments=p.jsonl --set rules=r.jsonl --set follow=yes
--                                                                           on yours: rules are lines appended to r.jsonl
--   tidemill run rules_broadcast.lua --set output=alerts.jsonl              into a file
--
-- A rule is a limit: {"id":"r1","limit":900} brings it in or changes it, {"id":"r1"} withdraws it. Every subtask has all rules.
local tm = require "tidemill"

local Payment = tm.schema { card = "string", amount = "double" }
local Rule = tm.schema { id = { "string", required = true }, limit = "double" }

local payments = tm.arg("payments", nil, "JSON Lines files of payments; without it they are made up")
local rules = tm.arg("rules", nil, "JSON Lines files of rules; without it they are made up")
local follow = tm.arg("follow", "no", "yes: files of rules are read as they grow, and the job does not end by itself")
local output = tm.arg("output", nil, "a file for the alerts (.jsonl); without it they are printed")
local audit = tm.arg("audit", nil, "a file for everything that every subtask did, in its order (.jsonl)")
local count = tonumber(tm.arg("count", 200000, "how many payments to make up"))
local cards = tonumber(tm.arg("cards", 1000000, "of how many cards"))
local rate = tonumber(tm.arg("rate", 100000, "how many of them a second"))
local changes = tonumber(tm.arg("changes", 60, "how many changes of rules to make up, in the time that the payments take"))
local least = tonumber(tm.arg("limit", 900, "the least limit of rules that are made up, 90 below the greatest; amounts are up to 1000"))

local made_up_payments = tm.generate { name = "payments", count = count, rate = rate, seed = 3, fields = {
  card = tm.gen.pattern("c#######", { distinct = cards }),
  amount = tm.gen.uniform(0, 1000, "double"),
} }

-- Up to four rules at a time: number n brings one in or changes its limit, or, every third time, withdraws it.
local made_up_rules = tm.generate { name = "rules", count = changes, rate = changes * rate / count, seed = 4, fields = {
  id = function(n) return "r" .. n % 4 end,
  limit = function(n)
    if n % 3 ~= 2 then return least + 0.5 + n % 90 end
    return nil -- as a line without a limit
  end,
} }

local function source(path, made_up, schema, as_it_grows)
  if not path then return made_up end
  return tm.file { path = path, format = "json", schema = schema, follow = as_it_grows == "yes" }
end

-- One subtask reads the rules, so that they have an order.
local all_rules = tm.from(source(rules, made_up_rules, Rule, follow)):parallelism(1)

local alerts = tm.from(source(payments, made_up_payments, Payment)):key_by("card"):process_broadcast(all_rules, "check", {
  broadcast = { limits = tm.map("string", "double") }, -- by the rule's id; the same in every subtask
  state = { hits = tm.map("string", "int") }, -- of each card: how often it was over a limit
  each = function(ctx, e)
    local over = 0
    for id, limit in ctx.broadcast.limits:pairs() do
      if e.amount > limit then
        local n = (ctx.state.hits:get(id) or 0) + 1
        ctx.state.hits:put(id, n)
        ctx:emit { card = ctx.key, amount = e.amount, rule = id, n = n }
        over = over + 1
      end
    end
    ctx:output("audit", { subtask = ctx.subtask, what = "payment", card = ctx.key, amount = e.amount, over = over })
  end,
  rule = function(ctx, e)
    ctx:output("audit", { subtask = ctx.subtask, what = "rule", rule = e.id, limit = e.limit })
    if e.limit then return ctx.broadcast.limits:put(e.id, e.limit) end
    ctx.broadcast.limits:remove(e.id)
    -- Nobody is to remember a rule that is withdrawn. This goes over all cards, some at a time, when the function has returned.
    local id = e.id
    ctx:each_key("hits", function(card, key, hits)
      local n = hits:get(id)
      if n then
        card:output("audit", { subtask = card.subtask, what = "forgotten", card = key, rule = id, n = n })
        hits:remove(id)
      end
    end)
  end,
}):returns { card = "string", amount = "double", rule = "string", n = "int" }

local audited = alerts:side("audit")
  :returns { subtask = "int", what = "string", card = "string", amount = "double", over = "int", rule = "string", limit = "double",
    n = "int" }
local function put(stream, path, otherwise)
  return stream:to(path and tm.file { path = path, format = "json", if_exists = "replace" } or otherwise)
end
put(audited, audit, tm.discard())
return put(alerts, output, tm.print())
