-- Makes a failing case smaller, as long as it fails in the same way: fewer steps, rows, operators, columns; less parallelism;
-- smaller numbers.
local case = require "tests.oracle.case"
local script = require "tests.oracle.script"

local shrink = {}

local function copy(value)
  if type(value) ~= "table" then return value end
  local new = {}
  for k, v in pairs(value) do new[k] = copy(v) end
  return new
end

-- Lists of a case that may lose items: { list, how few are left }.
local function lists_of(c)
  local lists = { { c.script, 0 } }
  for _, step in ipairs(c.script) do if step[1] == "push" then lists[#lists + 1] = { step[3], 1 } end end
  lists[#lists + 1] = { c.operators, 0 }
  for _, op in ipairs(c.operators) do
    for _, name in ipairs { "fields", "aggregates", "names", "states", "each", "timer" } do
      if type(op[name]) == "table" then lists[#lists + 1] = { op[name], 0 } end
    end
    if op.result and op.result.aggregates then lists[#lists + 1] = { op.result.aggregates, 0 } end
  end
  return lists
end

-- The n-th list of a copy without items first to last.
local function without(c, n, first, last)
  local new = copy(c)
  local list, least = unpack(lists_of(new)[n])
  if #list - (last - first + 1) < least then return nil end
  for i = last, first, -1 do table.remove(list, i) end
  return new
end

local OPTIONAL = { "lateness", "late", "trigger", "final", "ttl", "limit", "population", "declared", "slide", "rank", "evict",
  "gap", "dead" }

-- Small changes, one at a time.
local function changes(c)
  local list = {}
  local function change(fn)
    local new = copy(c)
    if fn(new) ~= false then list[#list + 1] = new end
  end
  if c.parallelism > 1 then
    change(function(new) new.parallelism = 1 end)
    change(function(new) new.parallelism = c.parallelism - 1 end)
  end
  if #c.sources > 1 then
    change(function(new)
      new.sources = { "a" }
      for _, step in ipairs(new.script) do
        for i = 2, 3 do if step[i] == "b" then step[i] = "a" end end
      end
    end)
  end
  for i, op in ipairs(c.operators) do
    for _, name in ipairs(OPTIONAL) do
      if op[name] and not (name == "slide" and op.kind ~= "count") then change(function(new) new.operators[i][name] = nil end) end
    end
    if op.offset and op.offset ~= 0 then change(function(new) new.operators[i].offset = 0 end) end
    if op.trigger and op.trigger.of then change(function(new) new.operators[i].trigger = new.operators[i].trigger.of end) end
    local function counted(given)
      for j, one in ipairs(given(op).aggregates or {}) do
        if one.kind ~= "count" then
          change(function(new) given(new.operators[i]).aggregates[j] = { name = one.name, kind = "count" } end)
        end
      end
    end
    counted(function(of) return of end)
    if op.result then
      counted(function(of) return of.result end)
      for _, name in ipairs { "counts", "every", "fails", "sums", "result" } do
        if op.result[name] then change(function(new) new.operators[i].result[name] = nil end) end
      end
      if op.result.form ~= "aggregates" then
        change(function(new)
          new.operators[i].result = { form = "aggregates", aggregates = { { name = "n", kind = "count" } } }
        end)
      end
    end
  end
  -- A watermark or clock that stops where the next one does; adjacent pushes of one source in one.
  for i = 1, #c.script - 1 do
    local a, b = c.script[i], c.script[i + 1]
    if a[1] == "clock" and b[1] == "clock" then
      change(function(new)
        new.script[i][2] = a[2] + b[2]
        table.remove(new.script, i + 1)
      end)
    end
  end
  for i, step in ipairs(c.script) do
    if step[1] == "push" then
      for j, row in ipairs(step[3]) do
        for _, column in ipairs(c.columns) do
          local name = column.name
          if column.nullable and name ~= "k" and row[name] ~= nil then change(function(new) new.script[i][3][j][name] = nil end) end
        end
      end
    end
  end
  -- Columns that nobody needs.
  for i, column in ipairs(c.columns) do
    if column.name ~= "ts" then
      change(function(new)
        table.remove(new.columns, i)
        for _, step in ipairs(new.script) do
          if step[1] == "push" then for _, row in ipairs(step[3]) do row[column.name] = nil end end
        end
      end)
    end
  end
  return list
end

local function fits(c)
  local ok, infos = pcall(case.infos, c)
  return ok and infos and script.valid(c)
end

---The kind of a failure: the same one has to remain.
local function kind_of(why)
  if why:find("^error") then return "error " .. (why:match("TM%d%d%d%d") or "") end
  return why:match("\nsink [^:]*: (%a+)") and "difference" or why:sub(1, 20)
end

---@param c table a case that fails
---@param why string how
---@param differs fun(c): string?
---@return table c, string why
function shrink.shrink(c, why, differs, tries)
  local kind, left = kind_of(why), tries or 1500
  local function try(new)
    if not new or left <= 0 or not fits(new) then return false end
    left = left - 1
    local now = differs(new)
    if now and kind_of(now) == kind then
      c, why = new, now
      return true
    end
    return false
  end
  local function fewer()
    local any = false
    local n = 1
    while n <= #lists_of(c) do
      local size = #lists_of(c)[n][1]
      while size >= 1 do
        local at = 1
        while lists_of(c)[n] and at <= #lists_of(c)[n][1] do
          local last = math.min(at + size - 1, #lists_of(c)[n][1])
          if try(without(c, n, at, last)) then any = true else at = last + 1 end
        end
        size = math.floor(size / 2)
      end
      n = n + 1
    end
    return any
  end
  -- key_by and what stands behind it go together.
  local function pairs_of_operators()
    for i = #c.operators - 1, 1, -1 do
      if i < #c.operators then
        local new = copy(c)
        table.remove(new.operators, i)
        table.remove(new.operators, i)
        if try(new) then return true end
      end
    end
    return false
  end
  local function simpler()
    for _, new in ipairs(changes(c)) do if try(new) then return true end end
    return false
  end
  repeat
    local any = fewer()
    any = pairs_of_operators() or any
    while simpler() do any = true end
  until not any or left <= 0
  return c, why
end

return shrink
