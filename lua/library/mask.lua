-- tm.mask: parts of texts made unreadable.
local context = require "library.context"

local C, T = context.C, context.T
local bytes_of = context.bytes_of
local give, not_text, whole, check_text = context.give, context.not_text, context.whole, context.text

local mask = {}

function mask.middle(s, first, last, with)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.mask.middle") end
  if with == nil then with = "*" end
  whole(first, 0, 2 ^ 30, "tm.mask.middle", "first")
  whole(last, 0, 2 ^ 30, "tm.mask.middle", "last")
  check_text(with, "tm.mask.middle", "with")
  return (give(C.tm_mask_middle(T, p, len, first, last, with, #with), s, "tm.mask.middle"))
end

function mask.cards(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.mask.cards") end
  return (give(C.tm_mask_cards(T, p, len), s, "tm.mask.cards"))
end

function mask.emails(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.mask.emails") end
  return (give(C.tm_mask_emails(T, p, len), s, "tm.mask.emails"))
end

return { name = "tm.mask", functions = mask, takes = "middle cards emails", results = { keeps = "middle cards emails" } }
