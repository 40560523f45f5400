-- Texts of specs in forms that machines read: names and messages may hold any bytes, XML, JSON and TAP may not.
local utf8 = require "tidemill.utf8"

local clean = {}

---The text with bytes that are not UTF-8 as \xNN.
---@param text string
clean.utf8 = utf8.scrub

---UTF-8 without control characters but tabs and line ends: what is neither is shown as \xNN.
---@param text any of an error: perhaps no text
---@return string
function clean.text(text)
  if text == nil then return "Nil error" end
  if type(text) ~= "string" then text = require("pl.pretty").write(text) end
  return (utf8.scrub(text):gsub("[%z\1-\8\11-\31\127]", function(c) return ("\\x%02x"):format(c:byte()) end))
end

---In one line.
function clean.line(text)
  return (clean.text(text):gsub("\n", "\\n"))
end

local ENTITIES = { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ['"'] = "&quot;", ["\n"] = "&#10;", ["\t"] = "&#9;" }

---As content of an element of XML.
function clean.xml(text) return (clean.text(text):gsub("[<>&]", ENTITIES)) end

---As an attribute of XML, between double quotes.
function clean.attribute(text) return (clean.text(text):gsub('[<>&"\n\t]', ENTITIES)) end

return clean
