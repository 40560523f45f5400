-- Builds Lua text line by line, indented: generated chunks are read by people (`tidemill plan --source`).
local writer = {}
writer.__index = writer

local format = string.format -- not that of texts, which looks at what a job gives it (tidemill/libraries.lua)
local indents = {}
for depth = 0, 40 do indents[depth] = ("  "):rep(depth) end

function writer.new() return setmetatable({ lines = {}, depth = 0 }, writer) end

---Adds a line; with arguments, a format.
function writer:line(text, ...)
  if select("#", ...) > 0 then text = format(text, ...) end
  local lines = self.lines
  lines[#lines + 1] = text == "" and "" or (indents[self.depth] or ("  "):rep(self.depth)) .. text
  return self
end

function writer:open(text, ...)
  self:line(text, ...)
  self.depth = self.depth + 1
  return self
end

---Between the branches of an if.
function writer:middle(text, ...)
  self.depth = self.depth - 1
  self:line(text, ...)
  self.depth = self.depth + 1
  return self
end

function writer:close(text)
  self.depth = self.depth - 1
  return self:line(text or "end")
end

function writer:text() return table.concat(self.lines, "\n") .. "\n" end

---A string as a Lua literal on one line.
function writer.quote(s)
  return '"' .. s:gsub('[%c"\\\127]', function(c)
    if c == '"' or c == "\\" then return "\\" .. c end
    return ("\\%03d"):format(c:byte())
  end) .. '"'
end

---Strings as the text of a Lua table.
function writer.list(strings)
  local quoted = {}
  for i, s in ipairs(strings) do quoted[i] = writer.quote(s) end
  return "{ " .. table.concat(quoted, ", ") .. " }"
end

---A part of an identifier for a column: its name where that is one, else its place.
function writer.identifier(name, index)
  if name:find("^[%a_][%w_]*$") and #name <= 40 then return name end
  return "column" .. index
end

return writer
