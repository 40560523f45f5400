-- Is a string UTF-8? For names and constants, while a job is built; rows are looked at by codegen/fit.lua.
local utf8 = {}

-- Well-formed sequences of more than one byte (Unicode 15, table 3-7): no overlong forms, no surrogates, none above U+10FFFF.
local SEQUENCES = {
  "^[\194-\223][\128-\191]", "^\224[\160-\191][\128-\191]", "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]", "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]", "^\244[\128-\143][\128-\191][\128-\191]",
}

---The byte at which it stops being UTF-8, from 1; nil for a string that is.
---@param text string
---@return integer?
function utf8.bad_byte(text)
  local at = text:find("[\128-\255]")
  while at do
    local stop
    for _, sequence in ipairs(SEQUENCES) do
      local _, to = text:find(sequence, at)
      stop = stop or to
    end
    if not stop then return at end
    at = text:find("[\128-\255]", stop + 1)
  end
end

---@param text string
function utf8.is_valid(text) return utf8.bad_byte(text) == nil end

---The text with every byte that is not UTF-8 shown as \\xNN: for messages, which go into files of text.
---@param text string
---@return string
function utf8.scrub(text)
  local at = utf8.bad_byte(text)
  if not at then return text end
  local parts, from = {}, 1
  while at do
    parts[#parts + 1] = text:sub(from, at - 1) .. ("\\x%02x"):format(text:byte(at))
    from = at + 1
    local rest = utf8.bad_byte(text:sub(from))
    at = rest and from + rest - 1
  end
  return table.concat(parts) .. text:sub(from)
end

return utf8
