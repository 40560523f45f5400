-- Evaluates job scripts in specs: no binary, no files.
local fault = require "tidemill.fault"
local session = require "tidemill.session"

local scripts = {}

---@class scripts.options
---@field path string? default "job.lua"
---@field set table?
---@field files table<string, string>? of the job's folder, by path

---Runs a script: the finished session.
function scripts.session(text, options)
  options = options or {}
  local printed = {}
  local s = session.new {
    path = options.path or "job.lua", text = text, set = options.set,
    read = function(path)
      local file = options.files and options.files[path]
      if file then return file end
      return nil, path .. ": no such file"
    end,
    print = function(line) printed[#printed + 1] = line end,
  }
  s.printed = printed
  session.run(s)
  return s
end

---The finished job of a script that is right.
function scripts.job(text, options)
  local ok, result = pcall(scripts.session, text, options)
  if not ok then error(tostring(result), 2) end
  return result.job, result
end

---The fault of a script that is wrong: its code, where, message and hint.
function scripts.fault(text, options)
  local ok, result = pcall(scripts.session, text, options)
  if ok then error("the script is right: " .. text, 2) end
  if not fault.is(result) then error("not a fault: " .. tostring(result), 2) end
  return result
end

---`job.lua:3: [ARGUMENT] message | hint`: a fault on one line, for golden comparisons.
function scripts.line(text, options)
  local f = scripts.fault(text, options)
  return ("%s: [%s] %s%s"):format(f.where, f.code, f.message, f.hint ~= "" and " | " .. f.hint or "")
end

---"user_id string, total double, $time timestamp*": columns with types; * hidden, ! required, @ the event time.
function scripts.columns(schema)
  local parts = {}
  for i, f in ipairs(schema.fields) do
    parts[i] = f.name .. " " .. f.type .. (f.hidden and "*" or "") .. (f.required and "!" or "")
      .. (schema.time_field == i and "@" or "")
  end
  return table.concat(parts, ", ")
end

---The node of a name.
function scripts.node(job, name)
  for _, node in ipairs(job.nodes) do if node.name == name then return node end end
  local names = {}
  for i, node in ipairs(job.nodes) do names[i] = node.name end
  error(("no node %q; there are %s"):format(name, table.concat(names, ", ")), 2)
end

---The function behind a window: it has the window's name.
function scripts.behind(job, name)
  for i = #job.nodes, 1, -1 do if job.nodes[i].name == name and job.nodes[i].whole then return job.nodes[i] end end
  error(("no function behind %q"):format(name), 2)
end

return scripts
