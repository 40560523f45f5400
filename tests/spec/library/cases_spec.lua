-- Every helper function against what Python's standard library gives (make_cases.py).
local support = require "tests.spec.library.support"
local null = require "tidemill.null"
local int64 = require "codegen.int64"
local tm = support.tm

local MISS = {}

-- Values as make_cases.py writes them: { null = true } stands for tm.null, "int64 N" for an int64.
local function written(v)
  if v == null then return { null = true } end
  if type(v) == "cdata" then return "int64 " .. tostring(v) end
  if type(v) ~= "table" then return v end
  local t = {}
  for k, x in pairs(v) do t[k] = written(x) end
  return t
end

local function given(v)
  if type(v) == "string" and v:find("^int64 ") then return int64.parse(v:sub(7)) end
  if type(v) ~= "table" then return v end
  if v.null == true then return null end
  local t = {}
  for k, x in pairs(v) do t[k] = given(x) end
  return t
end

-- What stands for a method of an expression in the cases.
local regex = {}

function regex.test(pattern, s) return tm.re(pattern):test(s) end
function regex.replace(pattern, s, with) return tm.re(pattern):replace(s, with) end
function regex.split(pattern, s) return tm.re(pattern):split(s) end
function regex.place(pattern, s) return { (tm.re(pattern):find(s)), (select(2, tm.re(pattern):find(s))) } end

function regex.match(pattern, s) return tm.re(pattern):match(s) end

-- All matches: the whole one, or what the groups took.
function regex.all(pattern, s)
  local list = {}
  for a, b in tm.re(pattern):each(s) do list[#list + 1] = { a, b } end
  return list
end

function regex.maps(pattern, s)
  local list = {}
  for m in tm.re(pattern):each(s) do list[#list + 1] = m end
  return list
end

local PLACES = { -- of the functions of a file: a namespace, true: they are named in full
  text = "text", text_parts = "text", text_more = "text", case = "text", encode = true, json = true, pairs = true,
  hash = "hash", number = "number", number_text = "number", ip = "ip", url = "url", time_text = "time", time = "time",
  zones = "time", regex = regex, regex_named = regex, regex_split = regex,
}

local function function_of(place, name)
  if type(place) == "table" then return place[name] end
  if place ~= true then return tm[place][name] end
  local namespace, member = name:match("^(%w+)%.([%w_]+)$")
  return tm[namespace][member]
end

local function shown(args)
  local parts = {}
  for i = 1, args.n do parts[i] = type(args[i]) == "string" and ("%q"):format(args[i]) or tostring(args[i]) end
  return table.concat(parts, ", ")
end

local function load_cases(file)
  local list, by_name = {}, {}
  dofile("tests/spec/library/cases/" .. file .. ".lua")(function(name, expected, ...)
    if not by_name[name] then
      by_name[name] = { name = name }
      list[#list + 1] = by_name[name]
    end
    table.insert(by_name[name], { expected, { n = select("#", ...), ... } })
  end, MISS)
  return list
end

local files = {}
for file in pairs(PLACES) do files[#files + 1] = file end
table.sort(files)

for _, file in ipairs(files) do
  describe("cases of " .. file .. ":", function()
    for _, group in ipairs(load_cases(file)) do
      it(("%s gives what Python gives, %d times"):format(group.name, #group), function()
        local fn = function_of(PLACES[file], group.name)
        for _, c in ipairs(group) do
          local expected, args = c[1], c[2]
          local values = {}
          for i = 1, args.n do values[i] = given(args[i]) end
          local value, why = fn(unpack(values, 1, args.n))
          if expected == MISS then
            assert(value == nil, ("%s(%s) gave %s"):format(group.name, shown(args), tostring(value)))
            if file ~= "text_parts" then assert(type(why) == "string", "no reason for " .. shown(args)) end
          else
            assert.same(expected, written(value), ("%s(%s)"):format(group.name, shown(args)))
          end
        end
      end)
    end
  end)
end
