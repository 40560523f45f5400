-- A case as a run of the binary: files in, files out, threads as many as it says. No row is late, and rows are compared as sets.
local case = require "tests.oracle.case"
local compare = require "tests.oracle.compare"
local model = require "tests.oracle.model"
local values = require "tests.oracle.values"

local by_files = {}

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local LETTER = { { name = "row", type = "string" } }

local function read_rows(path, sink)
  local rows = {}
  for line in io.lines(path) do
    rows[#rows + 1] = sink.dead and values.buried(values.parse(line, LETTER).row, sink.columns) or values.parse(line, sink.columns)
  end
  return rows
end

-- All rows that a sink gets in the course of the script.
local function all_of(given, name)
  local rows = {}
  for _, step in ipairs(given) do
    for _, row in ipairs(step[name]) do rows[#rows + 1] = { row = row.row, tick = 0 } end
  end
  return rows
end

-- nil, or an operator whose rows are not accounted for, as the report says.
local function accounts(path)
  local log, seen = assert(io.open(path)):read("*a"), 0
  for name, of in log:gmatch('"name": ?"([^"]*)"([^{}]*"rows_in"[^{}]*)') do
    local function count(field) return tonumber(of:match('"' .. field .. '": ?(%-?%d+)')) end
    seen = seen + 1
    local sum = count("used") + count("filtered") + count("late") + count("skipped") + count("dead_lettered")
    if count("rows_in") ~= sum then
      return ("accounts of %s\nsink %s: missing %d, there are %d"):format(name, name, count("rows_in"), sum)
    end
  end
  if seen == 0 then return "error: the report has no operators\n" .. log:sub(-2000) end
end

local function run(c, folder)
  for _, name in ipairs(c.sources) do
    local lines = {}
    for _, step in ipairs(c.script) do
      if step[1] == "push" and step[2] == name then
        for _, row in ipairs(step[3]) do lines[#lines + 1] = values.json(c.columns, row) .. "\n" end
      end
    end
    write(folder .. "/" .. name .. ".jsonl", table.concat(lines))
  end
  write(folder .. "/job.lua", case.text(c))
  local tidemill = assert(os.getenv("TIDEMILL"), "TIDEMILL: path of the binary")
  local command = "cd '%s' && timeout 60 '%s' run job.lua --json --parallelism %d >log 2>&1"
  local code = os.execute(command:format(folder, tidemill, c.parallelism))
  if code ~= 0 then return ("error: exit code %s\n%s"):format(code, assert(io.open(folder .. "/log")):read("*a"):sub(-2000)) end
  local sinks, given = case.sinks(c), model.run(c)
  for name, sink in pairs(sinks) do
    local rows = read_rows(folder .. "/" .. name .. ".jsonl", sink)
    local why = compare.rows({ columns = sink.columns }, all_of(given, name), rows)
    if why then return ("files\nsink %s: %s"):format(name, why) end
  end
  return accounts(folder .. "/log")
end

---nil, or the first difference; an error of the engine is one.
function by_files.differs(c)
  local pipe = assert(io.popen("mktemp -d"))
  local folder = pipe:read("*l")
  pipe:close()
  local ok, why = pcall(run, c, folder)
  os.execute(("rm -rf '%s'"):format(folder))
  if not ok then error(why, 0) end
  return why
end

return by_files
