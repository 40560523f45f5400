-- The order of fields given in a Lua table, which itself has none: that of their first appearance in the job's text, so
-- that columns, headers and prints never change between runs. The text is lexed from the call's line on; what is not
-- found there is looked for in the whole text; what is computed comes last, alphabetically.
local order = {}

-- Positions of `name =` and `["name"] =` in Lua text, in order: calls found(name) for each. Comments and strings are
-- skipped as Lua skips them.
local function scan(text, from, found)
  local find, sub = string.find, string.sub
  local p, n = from, #text
  local pending -- a name that may be followed by =
  while p <= n do
    local _, e = find(text, "^%s+", p)
    if e then
      p = e + 1
    elseif find(text, "^%-%-%[=*%[", p) then
      local level = text:match("^%-%-%[(=*)%[", p)
      local _, close = find(text, "]" .. level .. "]", p, true)
      p = (close or n) + 1
    elseif find(text, "^%-%-", p) then
      p = (find(text, "\n", p, true) or n) + 1
    elseif find(text, "^%[=*%[", p) and find(text, "^%[=+%[", p) or find(text, "^%[%[", p) then
      local level = text:match("^%[(=*)%[", p)
      local _, close = find(text, "]" .. level .. "]", p, true)
      p, pending = (close or n) + 1, nil
    elseif find(text, "^[%a_]", p) then
      local _, stop = find(text, "^[%w_]+", p)
      pending, p = sub(text, p, stop), stop + 1
    elseif find(text, "^[\"']", p) then
      local quote, q = sub(text, p, p), p + 1
      while q <= n do
        local c = sub(text, q, q)
        if c == "\\" then q = q + 1 elseif c == quote or c == "\n" then break end
        q = q + 1
      end
      local bracketed = find(text, "^%s*%]", q + 1) and find(sub(text, 1, p - 1), "%[%s*$")
      pending, p = bracketed and sub(text, p + 1, q - 1) or nil, q + 1
      if bracketed then
        local _, close = find(text, "^%s*%]", p)
        p = close + 1
      end
    elseif find(text, "^=[^=]", p) then
      if pending then found(pending) end
      pending, p = nil, p + 1
    else
      local _, stop = find(text, "^[=~<>]=", p)
      pending, p = nil, (stop or p) + 1
    end
  end
end

local function line_start(text, line)
  local p = 1
  for _ = 2, line do
    local e = text:find("\n", p, true)
    if not e then return #text + 1 end
    p = e + 1
  end
  return p
end

---The keys of `fields` in order.
---@param fields table whose string keys are ordered
---@param text string? of the file that makes the call
---@param line integer? of the call
---@return string[]
function order.keys(fields, text, line)
  local sorted, rank, count = {}, {}, 0
  for k in pairs(fields) do if type(k) == "string" then sorted[#sorted + 1] = k end end
  table.sort(sorted)
  local function found(name)
    if fields[name] ~= nil and not rank[name] then
      count = count + 1
      rank[name] = count
    end
  end
  if text then
    if line then scan(text, line_start(text, line), found) end
    if count < #sorted then scan(text, 1, found) end
  end
  local result = {}
  for _, name in ipairs(sorted) do if rank[name] then result[rank[name]] = name end end
  for _, name in ipairs(sorted) do if not rank[name] then result[#result + 1] = name end end
  return result
end

return order
