-- stream:side("tag"): the rows that a function gives to one of its side outputs, as a stream of their own.
local check = require "tidemill.check"
local codegen = require "codegen"
local derive = require "tidemill.derive"
local fault = require "tidemill.fault"
local graph = require "tidemill.graph"
local stream = require "tidemill.stream"
local suggest = require "tidemill.suggest"

local sides = {}

local GIVES = { map = true, flat_map = true, filter = true }

local function quoted(tags)
  local list = {}
  for i, tag in ipairs(tags) do list[i] = ('"%s"'):format(tag) end
  return suggest.list(list)
end

local function check_late(node, call, tag)
  if not node.window.late then
    fault.raise("GRAPH", call.at, ('side("%s"): the windows of %s have no side output'):format(tag, node.name),
      ('late rows go to one when it is named: window(...):late("%s"):aggregate(...)'):format(tag))
  elseif tag ~= node.window.late then
    fault.raise("UNKNOWN_NAME", call.at, ('side("%s"): the windows of %s have no such side output; they have "%s"'):format(tag,
      node.name, node.window.late), suggest.hint(tag, { node.window.late }))
  end
end

local function check_tag(s, call, tag)
  derive.schema(s.node)
  if not GIVES[s.node.verb] and s.node.kind ~= "process" then
    fault.raise("GRAPH", call.at, ('side("%s"): %s has no side outputs; functions of map, flat_map, filter and process have'):format(tag,
      s.node.verb), 'out, their second parameter, gives rows to them: out("late", e)')
  end
  local tags, others = codegen.tags(s.node)
  for _, known in ipairs(tags) do if known == tag then return end end
  if others then return end
  if #tags == 0 then
    fault.raise("UNKNOWN_NAME", call.at, ('side("%s"): the function of %s gives no rows to side outputs'):format(tag, s.node.name),
      s.node.kind == "process" and ('ctx:output("%s", { ... }) does'):format(tag)
      or ('its second parameter does: %s(function(e, out) ... out("%s", e) ... end)'):format(s.node.verb, tag))
  end
  fault.raise("UNKNOWN_NAME", call.at, ('side("%s"): %s has no such side output; it has %s'):format(tag, s.node.name,
    quoted(tags)), suggest.hint(tag, tags))
end

stream.method("side", function(s, call, tag, ...)
  stream.no_more(call, "side", 1 + select("#", ...), 1)
  check.string(call.at, "side: the tag", tag)
  local from, window = s.node, s.before and s.before.kind == "window" and s.before
  -- Late rows are the window's; others those of a function behind it, where it can have any.
  if window and (from.kind ~= "process" or tag == window.window.late) then from = window end
  if from.kind == "window" then check_late(from, call, tag) else check_tag(s, call, tag) end
  local read = from.read_sides or {}
  from.read_sides = read
  for _, side in ipairs(read) do if side.tag == tag then return stream.new(s.job, side.node) end end
  local node = graph.add(s.job, { kind = "side", verb = "side", where = call.at, inputs = { from }, tag = tag,
    side = #read + 1, base = ("side(%s)"):format(tag) })
  read[node.side] = { tag = tag, node = node }
  return stream.new(s.job, node)
end)

---Warnings about side outputs that nobody reads: their rows are dropped.
function sides.findings(nodes)
  local list = {}
  for _, node in ipairs(nodes) do
    local read = {}
    for _, side in ipairs(node.read_sides or {}) do read[side.tag] = true end
    local tags = node.kind == "window" and { node.window.late } or node.codegen and codegen.tags(node) or {}
    for _, tag in ipairs(tags) do
      if not read[tag] then
        list[#list + 1] = { severity = "warning", where = node.where,
          message = ('nothing reads the side output "%s" of %s: its rows are dropped'):format(tag, node.name),
          hint = ('keep the stream in a local and read it: stream:side("%s"):to(tm.print())'):format(tag) }
      end
    end
  end
  return list
end

return sides
