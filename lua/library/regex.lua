-- tm.re: regular expressions on PCRE2, compiled once for a pattern and state. What depends on the groups of a pattern (how
-- many values `match` gives, which names a table has) is generated for it, so that a trace through it has no loop and no
-- varargs, and captures that nobody uses are never made.
local context = require "library.context"
local codes = require "tidemill.codes"
local ffi = require "ffi"
local freeze = require "tidemill.freeze"
local known = require "codegen.known"
local problem = require "codegen.problem"
local values = require "codegen.values"

local C, T = context.C, context.T
local refuse, wrong, whole, give = context.refuse, context.wrong, context.whole, context.give
local bytes_of, part = context.bytes_of, context.part
local to_string, cast = ffi.string, ffi.cast
local slice = require "codegen.slice"
local text_of, scope = slice.text, slice.scope
local type, sub, floor = type, string.sub, math.floor

local GROUPS_MAX = 100
local MOST = 2 ^ 31 - 1
local Chars = ffi.typeof("const char *")
local FLAGS = { i = 1, m = 2, s = 4, x = 8, u = 16, b = 32 } -- core/text/text.ffi.h
local UNICODE_HINT = "tm.text.scrub repairs a string; the flag b matches bytes"

-- The engine's side of what job code holds: object -> { pointer =, pattern =, ... }. No pointer leaves this file.
local states = setmetatable({}, { __mode = "k" })

-- --- errors

local function show(state) return "tm.re" .. problem.show(state.pattern) end

-- What a search that failed is about.
local function failed(rc, state, s)
  s = text_of(s)
  if rc == codes.LIMIT then
    problem.raise("LIMIT", ("%s: gave up on a string of %d bytes: it took more steps than a match may"):format(show(state), #s),
      "repetitions inside of repetitions go back over the string again and again: make the inner ones possessive (a++), "
        .. "write classes that exclude what follows ([^,]+), or anchor the pattern")
  end
  if rc == codes.BAD_UTF8 then
    refuse(("%s: the string is not UTF-8 (byte %d)"):format(show(state), C.tm_text_bad_byte(s, #s) + 1), UNICODE_HINT)
  end
  if rc == codes.TOO_LARGE then problem.raise("LIMIT", show(state) .. ": the result is larger than 64 MB") end
  context.failed(rc, show(state))
end

-- The first argument of a method is not a string, or the method was called with a dot.
local function not_text(self, s, method)
  local state = states[self]
  if state == nil then refuse(("%s was called with a dot"):format(method), ("write re:%s(...)"):format(method)) end
  return context.not_text(s, show(state) .. ":" .. method)
end

-- --- methods that do not depend on the groups

local common = {}

function common.test(self, s)
  local state = states[self]
  local p, len = bytes_of(s)
  if state == nil or p == nil then return not_text(self, s, "test") end
  local rc = C.tm_regex_test(state.pointer, p, len)
  if rc < 0 then failed(rc, state, s) end
  return rc == 1
end

function common.count(self, s)
  local state = states[self]
  local p, len = bytes_of(s)
  if state == nil or p == nil then return not_text(self, s, "count") end
  local count = C.tm_regex_count(state.pointer, p, len)
  if count < 0 then failed(count, state, s) end
  return count
end

function common.replace(self, s, with, most)
  local state = states[self]
  local p, len = bytes_of(s)
  if state == nil or p == nil then return not_text(self, s, "replace") end
  if type(with) ~= "string" then wrong(show(state) .. ":replace", "with", "a string", with) end
  if most == nil then most = -1 else whole(most, 0, MOST, show(state) .. ":replace", "most") end
  local n = C.tm_regex_replace(state.pointer, p, len, with, #with, most)
  if n == codes.ARGUMENT then
    refuse(("%s:replace: with: %s has a $ at byte %d that is followed by no group of the pattern"):format(show(state),
      problem.show(with), T.from + 1), "$1, ${1} and ${name} are groups, $0 is the whole match, $$ is a dollar")
  end
  if n < -3 then failed(n, state, s) end
  return (give(n, s, "replace"))
end

function common.split(self, s, most)
  local state = states[self]
  if state == nil or type(s) ~= "string" then return not_text(self, s, "split") end
  if most == nil then most = -1 else whole(most, 1, MOST, show(state) .. ":split", "most") end
  local n = C.tm_regex_split(state.pointer, s, #s, most)
  if n < 0 then failed(n, state, s) end
  local parts, spans = {}, T.spans
  for i = 1, n do parts[i] = sub(s, spans[2 * i - 2] + 1, spans[2 * i - 1]) end
  return parts
end

known.results[common.test], known.results[common.count] = values.BOOL, values.of("int")
known.results[common.replace], known.keeps[common.replace] = values.SLICE, true
known.takes[common.test], known.takes[common.count], known.takes[common.replace] = 2, 2, 2

-- --- methods that do

-- What a group took, of a string a string and of a slice a slice; nil when it took no part in the match.
local function capture(s, spans, i)
  local from = spans[2 * i]
  if from < 0 then return nil end
  return (part(s, from, spans[2 * i + 1]))
end

-- The same of a named group: a string where that is needed.
local function named(s, p, spans, i, name)
  local from = spans[2 * i]
  if from < 0 then return nil end
  if type(s) == "number" and scope.strings and scope.strings[name] then
    return to_string(cast(Chars, p) + from, spans[2 * i + 1] - from)
  end
  return (part(s, from, spans[2 * i + 1]))
end

-- What a group took as a string.
local function capture_string(p, spans, i)
  local from = spans[2 * i]
  if from < 0 then return nil end
  return to_string(p + from, spans[2 * i + 1] - from)
end

-- Where a search begins (from 0) that is to begin at character byte `init`; nil: behind the end.
local function begin_at(len, init, state)
  if init == nil then return 0 end
  whole(init, -MOST, MOST, show(state) .. ":find", "init")
  if init < 0 then
    init = len + init + 1
    if init < 1 then init = 1 end
  elseif init == 0 then
    init = 1
  end
  if init > len + 1 then return nil end
  return init - 1
end

local TEMPLATE = [[
local states, not_text, failed, capture, named, capture_string, begin_at, bytes_of, part, C, T, sub, cast, Chars = ...
local methods = {}

function methods.match(self, s)
  local state = states[self]
  local p, len = bytes_of(s)
  if state == nil or p == nil then return not_text(self, s, "match") end
  local rc = C.tm_regex_find(state.pointer, p, len, 0, 0)
  if rc ~= 1 then
    if rc < 0 then failed(rc, state, s) end
    return nil
  end
  local spans = T.spans
  return $MATCH
end

function methods.find(self, s, init)
  local state = states[self]
  local p, len = bytes_of(s)
  if state == nil or p == nil then return not_text(self, s, "find") end
  local at = begin_at(len, init, state)
  if at == nil then return nil end
  local rc = C.tm_regex_find(state.pointer, p, len, at, 0)
  if rc ~= 1 then
    if rc < 0 then failed(rc, state, s) end
    return nil
  end
  local spans, chars = T.spans, cast(Chars, p)
  return spans[0] + 1, spans[1]$MORE
end

local function step(walk)
  local at, s, state = walk.at, walk.s, walk.state
  if at < 0 then return nil end
  local rc = C.tm_regex_find(state.pointer, s, #s, at, walk.known)
  if rc ~= 1 then
    if rc < 0 then failed(rc, state, s) end
    walk.at = -1
    return nil
  end
  local spans, p = T.spans, nil
  local to = spans[1]
  walk.at = to
  walk.known = spans[0] == to and T.to + 4 or T.to
  return $EACH
end

function methods.each(self, s)
  local state = states[self]
  if state == nil or type(s) ~= "string" then
    not_text(self, s, "each")
    return step, { s = "", state = state, at = -1, known = 0 }
  end
  return step, { s = s, state = state, at = 0, known = 0 }
end

return methods
]]

local function captures_of(first, last, form)
  local list = {}
  for i = first, last do list[#list + 1] = (form or "capture(s, spans, %d)"):format(i) end
  return list
end

-- Names of groups in their order, and the fields of a table of them. Of several groups of one name the one that took part
-- has it.
local function names_of(pointer, groups)
  local names, of, parts = {}, {}, {}
  for i = 1, groups do
    local pointed = C.tm_regex_name(pointer, i)
    if pointed ~= nil then
      local name = ffi.string(pointed)
      if not of[name] then names[#names + 1] = name end
      of[name] = (of[name] and of[name] .. " or " or "") .. ("named(s, p, spans, %d, %q)"):format(i, name)
    end
  end
  for i, name in ipairs(names) do parts[i] = ("[%q] = %s"):format(name, of[name]) end
  return names, table.concat(parts, ", ")
end

local made = {} -- the text of the named groups and what else decides -> methods

-- What the analysis of operators knows of their results: matches in UTF-8 are UTF-8.
local function learn(methods, groups, names, bytes)
  local text = bytes and values.SLICE or values.TEXT_SLICE
  known.takes[methods.match], known.takes[methods.find] = 2, 2
  known.results[methods.find], known.more[methods.find] = values.of("int"), groups == 0 and values.of("int") or nil
  if #names == 0 then
    known.results[methods.match], known.more[methods.match] = text, text
    if groups == 0 then known.results[methods.each] = bytes and values.TEXTS or { t = "texts", text = true } end
    return
  end
  local fields = {}
  for _, name in ipairs(names) do fields[name] = { t = "type", type = "string", text = text.text, slice = name } end
  known.makes[methods.match] = { fields = fields, names = names }
end

local function methods_of(pointer, groups, bytes)
  local names, fields = names_of(pointer, groups)
  local key = ("%d %s %s"):format(groups, bytes and "b" or "", fields)
  local methods = made[key]
  if methods then return methods end
  local whole_match = "sub(s, spans[0] + 1, spans[1])"
  local captures = table.concat(captures_of(1, groups), ", ")
  local rest = captures_of(2, groups)
  local parts = {
    MATCH = #names > 0 and "{ " .. fields .. " }" or groups == 0 and "(part(s, spans[0], spans[1]))" or captures,
    MORE = groups == 0 and "" or ", " .. table.concat(captures_of(1, groups, "capture_string(chars, spans, %d)"), ", "),
    EACH = #names > 0 and "{ " .. fields .. " }" or groups == 0 and whole_match
      or "capture(s, spans, 1) or false" .. (#rest > 0 and ", " .. table.concat(rest, ", ") or ""),
  }
  local text = TEMPLATE:gsub("%$(%u+)", parts)
  methods = assert(loadstring(text, "=tidemill:library.regex.methods"))(states, not_text, failed, capture,
    named, capture_string, begin_at, bytes_of, part, C, T, sub, cast, Chars)
  learn(methods, groups, names, bytes)
  for name, fn in pairs(common) do methods[name] = fn end
  local missing = context.unknown("a regular expression has no method %s", methods)
  setmetatable(methods, { __index = function(_, name) return missing(name) end })
  made[key] = methods
  return methods
end

-- --- making one

local function parse_flags(flags)
  if type(flags) ~= "string" then wrong("tm.re", "flags", 'a string of the letters i, m, s, x, u, b', flags) end
  local set, sum = {}, 0
  for letter in flags:gmatch(".") do
    local value = FLAGS[letter]
    if not value then
      refuse(("tm.re: there is no flag %s"):format(problem.show(letter)),
        "i: case does not matter, m: ^ and $ at lines, s: . takes line ends, x: blanks and comments, u: \\w and \\d by Unicode, b: bytes")
    end
    if not set[value] then sum = sum + value end
    set[value] = true
  end
  return sum
end

-- A pattern up to the byte that is wrong, and behind it, on one line.
local function mark(pattern, at)
  local before, behind = pattern:sub(1, at), pattern:sub(at + 1)
  if #before > 60 then before = "..." .. before:sub(-57) end
  if #behind > 30 then behind = behind:sub(1, 27) .. "..." end
  return (require("tidemill.utf8").scrub(before .. " <-- here" .. (behind ~= "" and " " or "") .. behind):gsub("%c", "?"))
end

local function compile(pattern, flags)
  local pointer = C.tm_regex_new(T, pattern, #pattern, flags)
  if pointer == nil and C.tm_regex_code(T) == codes.LIMIT then -- those that nobody holds any more may go
    collectgarbage()
    collectgarbage()
    pointer = C.tm_regex_new(T, pattern, #pattern, flags)
  end
  if pointer ~= nil then return ffi.gc(pointer, C.tm_regex_free) end
  local code = C.tm_regex_code(T)
  if code == codes.ARGUMENT then
    refuse(("tm.re: %s: %s"):format(ffi.string(T.out, T.to), mark(pattern, T.from)),
      pattern:find("%%[adwsS]") and "regular expressions have a backslash where Lua's patterns have %: [[\\d+]]" or nil)
  end
  if code == codes.LIMIT then
    problem.raise("LIMIT", "tm.re: there are 1,000 regular expressions already",
      "make them once, outside of the operator's function; a pattern made from a record's fields is a new one each time")
  end
  error("not enough memory", 0)
end

local cache = {} -- flags -> pattern -> object, while somebody holds it

local function new(pattern, flags)
  if type(pattern) ~= "string" then wrong("tm.re", nil, "a pattern in a string", pattern) end
  local number = parse_flags(flags)
  local pointer = compile(pattern, number)
  local groups = C.tm_regex_captures(pointer)
  if groups > GROUPS_MAX then
    refuse(("tm.re: the pattern has %d groups, %d is the most"):format(groups, GROUPS_MAX), "(?:...) groups without capturing")
  end
  local state = { pointer = pointer, pattern = pattern }
  local methods = methods_of(pointer, groups, floor(number / FLAGS.b) % 2 == 1)
  local object = freeze.object("regular expression", state, methods)
  states[object] = state
  cache[flags] = cache[flags] or setmetatable({}, { __mode = "v" })
  cache[flags][pattern] = object
  return object
end

---tm.re(pattern, flags)
local function re(pattern, flags)
  if flags == nil then flags = "" end
  local kept = cache[flags]
  local object = kept and kept[pattern]
  if object == nil then return (new(pattern, flags)) end
  return object
end

---All methods that there are, for the code generator.
local function all()
  local list = {}
  for _, methods in pairs(made) do
    for _, fn in pairs(methods) do list[#list + 1] = fn end
  end
  return list
end

return { name = "tm.re", call = re, all = all }
