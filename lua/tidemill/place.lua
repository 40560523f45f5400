-- Where in the job's text a call came from: "job.lua:12". Builders are called through any number of our own frames, so
-- the place is the innermost frame on the stack whose chunk is a file of the job. A call in tail position (`return
-- tm.from(...)` in the main chunk) has left no frame; its line is then read from the bytecode of the chunk that was
-- running.
local util = require "jit.util"

local place = {}

-- One lua_State holds one version of one job: these belong to it. `place.reset` starts another (specs do).
local files = {}   -- chunk name "@job.lua" -> { path =, text =, main = its chunk, short = short_src of its functions }
local loading = {} -- functions of the main chunks being run, innermost last: { fn =, file =, last = line }
local boundary     -- the function that runs a required file: frames above it belong to another file

function place.reset()
  files, loading, boundary = {}, {}, nil
end

function place.set_boundary(fn) boundary = fn end

---Declares a file of the job. Its functions must have the chunk name "@" .. path.
---@param before? string what was compiled in front of the text
function place.add_file(path, text, before)
  files["@" .. path] = { path = path, text = text, before = before }
end

---The file of a chunk name, "@job.lua".
---@return table? { path, text, main }
function place.file(source) return files[source] end

---All files by name, sorted: `{ { path =, text = }, ... }`.
function place.files()
  local list = {}
  for _, f in pairs(files) do list[#list + 1] = f end
  table.sort(list, function(a, b) return a.path < b.path end)
  return list
end

local KEYWORDS = {}
for word in ("and break do else elseif end false for function if in local nil not or repeat return then true until while")
  :gmatch("%a+") do KEYWORDS[word] = true end

---Names that the file of a place declares as locals or parameters, with the place of the first: for messages, so read from
---the text by its look alone.
---@param where string "job.lua:12"
---@return table<string, string>
function place.names(where)
  local file = files["@" .. where:gsub(":%d+$", "")]
  local names, line = {}, 0
  for text in ((file and file.text or "") .. "\n"):gmatch("(.-)\n") do
    line = line + 1
    text = text:gsub("%-%-.*", "")
    for _, pattern in ipairs { "local%s+([%w_%s,]+)", "function[%s%w_.:]*%(([%w_%s,]*)%)", "for%s+([%w_%s,]+)" } do
      for list in text:gmatch(pattern) do
        for name in list:gmatch("[%a_][%w_]*") do
          if not KEYWORDS[name] and not names[name] then names[name] = ("%s:%d"):format(file.path, line) end
        end
      end
    end
  end
  return names
end

function place.enter(fn, path)
  local file = files["@" .. path]
  file.main = fn
  loading[#loading + 1] = { fn = fn, file = file, last = 0 }
end
function place.leave() loading[#loading] = nil end

local function opcode(fn, pc) return bit.band(util.funcbc(fn, pc), 0xff) end
local function last_opcode(fn) return opcode(fn, util.funcinfo(fn).bytecodes - 1) end
local CALLT = last_opcode(function(f) return f() end)
local CALLMT = last_opcode(function(f, ...) return f(...) end)

-- The line of the first tail call of a chunk at or after line `from`.
local function tail_line(fn, from)
  local best
  for pc = 1, util.funcinfo(fn).bytecodes - 1 do
    local op = opcode(fn, pc)
    if op == CALLT or op == CALLMT then
      local line = util.funcinfo(fn, pc).currentline
      if line >= from and (not best or line < best) then best = line end
    end
  end
  return best
end

---File and line of the innermost call made by the job's text.
---@return table? file { path, text }, nil outside of any job
---@return integer? line
function place.find()
  local top = loading[#loading]
  for level = 2, 200 do
    local info = debug.getinfo(level, "Slf")
    if not info or info.func == boundary then break end
    local file = files[info.source]
    if file and info.currentline > 0 then -- a frame that overflowed the stack has no line
      if top and info.func == top.fn then top.last = info.currentline end
      return file, info.currentline
    end
  end
  if top then return top.file, tail_line(top.fn, top.last) or top.last end
end

---"job.lua:12", "job.lua" where the line is not known, or "" outside of any job.
function place.here()
  local file, line = place.find()
  if not file then return "" end
  return line > 0 and ("%s:%d"):format(file.path, line) or file.path
end

---Splits Lua's own error text "job.lua:12: message" when it names a file of the job.
---@return string? where
---@return string message
function place.split(message)
  for _, f in ipairs(place.files()) do
    f.short = f.short or debug.getinfo(loadstring("", "@" .. f.path), "S").short_src
    local prefix = f.short .. ":"
    if message:sub(1, #prefix) == prefix then
      local line, rest = message:sub(#prefix + 1):match("^(%d+): (.*)$")
      if line then return f.path .. ":" .. line, rest end
    end
  end
  return nil, message
end

return place
