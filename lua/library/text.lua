-- tm.text: strings cut, trimmed, split and rewritten. Lengths and places count characters. Small functions on one call of
-- C each, without loops where that can be, so that they become part of the trace of the row loop that calls them.
local context = require "library.context"

local C, T = context.C, context.T
local bytes_of = context.bytes_of
local give, not_text, wrong, whole = context.give, context.not_text, context.wrong, context.whole
local check_text, some_text, failed = context.text, context.some_text, context.failed
local give_string, cut = context.give_string, context.part
local type, find, sub = type, string.find, string.sub

local MOST = 2 ^ 31 - 1

local text = {}

function text.length(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.length") end
  return (C.tm_text_length(p, len))
end

function text.sub(s, first, last)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.sub") end
  if last == nil then last = -1 end
  whole(first, -MOST, MOST, "tm.text.sub", "first")
  whole(last, -MOST, MOST, "tm.text.sub", "last")
  return (give(C.tm_text_sub(T, p, len, first, last), s, "tm.text.sub"))
end

function text.upper(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.upper") end
  return (give(C.tm_text_upper(T, p, len), s, "tm.text.upper"))
end

function text.lower(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.lower") end
  return (give(C.tm_text_lower(T, p, len), s, "tm.text.lower"))
end

function text.title(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.title") end
  return (give(C.tm_text_title(T, p, len), s, "tm.text.title"))
end

function text.capitalize(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.capitalize") end
  return (give(C.tm_text_capitalize(T, p, len), s, "tm.text.capitalize"))
end

function text.reverse(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.reverse") end
  return (give(C.tm_text_reverse(T, p, len), s, "tm.text.reverse"))
end

-- --- trimming and padding

local function trim(s, characters, sides, what)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, what) end
  if characters == nil then return (give(C.tm_text_trim(T, p, len, nil, 0, sides), s, what)) end
  check_text(characters, what, "characters")
  return (give(C.tm_text_trim(T, p, len, characters, #characters, sides), s, what))
end

function text.trim(s, characters) return (trim(s, characters, 3, "tm.text.trim")) end
function text.ltrim(s, characters) return (trim(s, characters, 1, "tm.text.ltrim")) end
function text.rtrim(s, characters) return (trim(s, characters, 2, "tm.text.rtrim")) end

function text.lpad(s, width, fill)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.lpad") end
  if fill == nil then fill = " " end
  whole(width, 0, MOST, "tm.text.lpad", "width")
  some_text(fill, "tm.text.lpad", "fill")
  return (give(C.tm_text_pad(T, p, len, width, fill, #fill, true), s, "tm.text.lpad"))
end

function text.rpad(s, width, fill)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.rpad") end
  if fill == nil then fill = " " end
  whole(width, 0, MOST, "tm.text.rpad", "width")
  some_text(fill, "tm.text.rpad", "fill")
  return (give(C.tm_text_pad(T, p, len, width, fill, #fill, false), s, "tm.text.rpad"))
end

-- --- cutting

function text.remove_prefix(s, prefix)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.remove_prefix") end
  check_text(prefix, "tm.text.remove_prefix", "prefix")
  if C.tm_text_starts(p, len, prefix, #prefix) then return (cut(s, #prefix, len)) end
  return s
end

function text.remove_suffix(s, suffix)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.remove_suffix") end
  check_text(suffix, "tm.text.remove_suffix", "suffix")
  if C.tm_text_ends(p, len, suffix, #suffix) then return (cut(s, 0, len - #suffix)) end
  return s
end

function text.truncate(s, length, ending)
  if type(s) ~= "string" then return not_text(s, "tm.text.truncate") end
  whole(length, 0, MOST, "tm.text.truncate", "length")
  if ending == nil then return (give(C.tm_text_sub(T, s, #s, 1, length), s, "tm.text.truncate")) end
  check_text(ending, "tm.text.truncate", "ending")
  if C.tm_text_length(s, #s) <= length then return s end
  local rest = length - C.tm_text_length(ending, #ending)
  if rest < 0 then wrong("tm.text.truncate", "ending", "a string that is not longer than the length", ending) end
  return give(C.tm_text_sub(T, s, #s, 1, rest), s, "tm.text.truncate") .. ending
end

function text.truncate_bytes(s, bytes)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.truncate_bytes") end
  whole(bytes, 0, MOST, "tm.text.truncate_bytes", "bytes")
  return (give(C.tm_text_cut(T, p, len, bytes), s, "tm.text.truncate_bytes"))
end

-- --- parts

function text.starts_with(s, part)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.starts_with") end
  check_text(part, "tm.text.starts_with", "part")
  return (C.tm_text_starts(p, len, part, #part))
end

function text.ends_with(s, part)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.ends_with") end
  check_text(part, "tm.text.ends_with", "part")
  return (C.tm_text_ends(p, len, part, #part))
end

function text.contains(s, part)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.contains") end
  check_text(part, "tm.text.contains", "part")
  return (C.tm_text_contains(p, len, part, #part))
end

function text.find(s, part, first)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.find") end
  check_text(part, "tm.text.find", "part")
  if first == nil then first = 1 else whole(first, -MOST, MOST, "tm.text.find", "first") end
  local at = C.tm_text_find(T, p, len, part, #part, first)
  if at == 0 then return nil end
  return at
end

function text.count(s, part)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.count") end
  some_text(part, "tm.text.count", "part")
  return (C.tm_text_occurrences(p, len, part, #part))
end

function text.part(s, separator, n)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.part") end
  some_text(separator, "tm.text.part", "separator")
  whole(n, -MOST, MOST, "tm.text.part", "n")
  if n == 0 then wrong("tm.text.part", "n", "1, 2, ... from the start, or -1, -2, ... from the end", n) end
  return (give(C.tm_text_part(T, p, len, separator, #separator, n), s, "tm.text.part"))
end

function text.split(s, separator, most)
  if type(s) ~= "string" then return not_text(s, "tm.text.split") end
  some_text(separator, "tm.text.split", "separator")
  if most == nil then most = MOST else whole(most, 1, MOST, "tm.text.split", "most") end
  local parts, n, from = {}, 0, 1
  for _ = 2, most do
    local at, to = find(s, separator, from, true)
    if not at then break end
    n = n + 1
    parts[n] = sub(s, from, at - 1)
    from = to + 1
  end
  parts[n + 1] = sub(s, from)
  return parts
end

local concat, tostring = table.concat, require("tidemill.libraries").tostring
local list_length = require("codegen.list").length

function text.join(list, separator)
  if list == nil then return nil end
  if type(list) ~= "table" and type(list) ~= "cdata" then wrong("tm.text.join", nil, "a list", list) end
  if separator == nil then separator = "" end
  check_text(separator, "tm.text.join", "separator")
  local parts = {}
  local n = type(list) == "table" and list_length(list) or #list
  if n < 0 then wrong("tm.text.join", nil, "a list", list) end
  for i = 1, n do
    local v = list[i]
    local t = type(v)
    if t == "string" or t == "number" then parts[i] = v
    elseif t == "boolean" or t == "cdata" then parts[i] = tostring(v)
    else wrong("tm.text.join", ("element %d of the list"):format(i), "a string or a number", v) end
  end
  return (concat(parts, separator))
end

function text.replace(s, old, new, most)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.replace") end
  some_text(old, "tm.text.replace", "old")
  check_text(new, "tm.text.replace", "new")
  if most == nil then most = -1 else whole(most, 0, MOST, "tm.text.replace", "most") end
  return (give(C.tm_text_replace(T, p, len, old, #old, new, #new, most), s, "tm.text.replace"))
end

function text.translate(s, from, to)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.translate") end
  check_text(from, "tm.text.translate", "from")
  check_text(to, "tm.text.translate", "to")
  return (give(C.tm_text_translate(T, p, len, from, #from, to, #to), s, "tm.text.translate"))
end

function text.strip_ansi(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.strip_ansi") end
  return (give(C.tm_text_strip_ansi(T, p, len), s, "tm.text.strip_ansi"))
end

-- Not for hot loops: a pattern is made once.
function text.escape_re(s)
  if type(s) ~= "string" then return not_text(s, "tm.text.escape_re") end
  return (s:gsub("[^%w_\128-\255]", "\\%0"))
end

-- --- names in another style

local function restyle(s, style, what)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, what) end
  return (give(C.tm_text_restyle(T, p, len, style), s, what))
end

function text.snake(s) return (restyle(s, 0, "tm.text.snake")) end
function text.kebab(s) return (restyle(s, 1, "tm.text.kebab")) end
function text.camel(s) return (restyle(s, 2, "tm.text.camel")) end
function text.pascal(s) return (restyle(s, 3, "tm.text.pascal")) end

-- --- checks

function text.is_utf8(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.is_utf8") end
  return (C.tm_text_bad_byte(p, len)) < 0
end

function text.scrub(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.text.scrub") end
  return (give_string(C.tm_text_scrub(T, p, len), s, "tm.text.scrub"))
end

local codes = require "tidemill.codes"

function text.distance(a, b)
  if type(a) ~= "string" then return not_text(a, "tm.text.distance") end
  if b == nil then return nil end
  check_text(b, "tm.text.distance", "b")
  local n = C.tm_text_distance(T, a, #a, b, #b)
  if n >= 0 then return n end
  if n == codes.LIMIT then
    wrong("tm.text.distance", nil, "a string of at most 4,096 bytes", #a > #b and a or b, "cut it with tm.text.truncate_bytes")
  end
  failed(n, "tm.text.distance")
end

return {
  name = "tm.text", functions = text,
  takes = [[length sub upper lower title capitalize reverse trim ltrim rtrim lpad rpad truncate_bytes remove_prefix remove_suffix
    starts_with ends_with contains find count part replace translate strip_ansi snake kebab camel pascal is_utf8 scrub]],
  results = { int = "length distance find count", bool = "starts_with ends_with contains is_utf8", text = "scrub",
    keeps = [[sub upper lower title capitalize reverse trim ltrim rtrim lpad rpad truncate truncate_bytes remove_prefix
      remove_suffix part replace translate snake kebab camel pascal strip_ansi escape_re]],
    string = "join" },
}
