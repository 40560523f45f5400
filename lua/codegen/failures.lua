-- What happens when a row fails: the message for people, the code for the accounts, and the call that tells C, which
-- says whether the job goes on. Also the errors that operators raise into user code, at the user's own line. Never in
-- a hot path.
local codes = require "tidemill.codes"
local fault = require "tidemill.fault"
local fit = require "codegen.fit"
local problem = require "codegen.problem"
local suggest = require "tidemill.suggest"
local utf8 = require "tidemill.utf8"

local failures = {}

-- Raised through the function of a flat_map when a later operator stops the job; recognised by identity.
failures.STOP = setmetatable({}, { __tostring = function() return "the job stops" end, __metatable = false })

-- tidemill.trouble knows the job's files; without it (specs of codegen alone) a message is what was raised.
local function to_fault(err)
  if fault.is(err) then return err end
  local found, trouble = pcall(require, "tidemill.trouble")
  if found then
    local ok, f = pcall(trouble.run, err)
    if ok and fault.is(f) then return f end
  end
  return fault.new("USER_CODE", "", tostring(err))
end

---Code and message of whatever was raised.
---@return integer code negative
---@return string message
function failures.describe(err)
  local f = to_fault(err)
  local text = f.message
  if f.where ~= "" then text = f.where .. ": " .. text end
  if f.hint ~= "" then text = text .. "\n  hint: " .. f.hint end
  return codes[f.code] or codes.USER_CODE, utf8.scrub(text)
end

local function visible(schema)
  local names = {}
  for _, f in ipairs(schema.fields) do if not f.hidden then names[#names + 1] = f.name end end
  return names
end

local HINTS = {
  double = "tonumber(value) makes a number",
  timestamp = "a timestamp is a number of milliseconds since 1970", string = "tostring(value) makes a text",
  bytes = "tostring(value) makes a text", bool = "value ~= nil, or a comparison, makes a bool",
}

-- What makes a whole number of a value; nil: nothing sure. Functions of the math library take numbers alone.
local function whole_of(value)
  local t = type(value)
  if t == "number" then return value == value and "math.floor(value) makes a whole number" or nil end
  if t == "string" then return "tonumber(value) makes a number" end
  local given = t == "cdata" and fit.type_of(value)
  if not given then return nil end
  return given == "int64" and "tonumber(value) makes a number of it, exact up to 2^53"
    or "math.floor(tonumber(value)) makes a whole number of it, exact up to 2^53"
end

---For messages about values within others.
---@param type_name string that the value should be of
---@return string?
function failures.whole_hint(type_name, value)
  if type_name == "int" or type_name == "timestamp" or type_name == "int64" then return whole_of(value) end
end

local function wrong_value(node, name, value)
  local field = node.schema.fields[node.schema.by_name[name]]
  if node.verb == "partition" then
    return "ROW_TYPE", ("the function gave %s; a whole number picks the subtask"):format(problem.show(value)),
      whole_of(value)
  end
  if node.verb == "event_time" then
    if value == nil then return "NULL_TIMESTAMP", "the event time is null", "filter such rows first, or give them a time" end
    return "ROW_TYPE", ("the function gave %s; event time is a whole number of milliseconds since 1970"):format(problem.show(value)),
      (type(value) ~= "number" or value ~= math.floor(value)) and type(value) ~= "string" and whole_of(value) or nil
  end
  if node.verb == "gap" then
    return "ROW_TYPE", ("the gap of the session is %s; it is a whole number of milliseconds above 0"):format(problem.show(value)),
      type(value) == "string" and "60000 is a minute" or type(value) == "number" and value > 0 and "math.floor(value) makes a whole number"
      or "a row that shall stand alone has the gap 1"
  end
  if value == nil then
    if node.verb == "key" then return "NULL_KEY", "the key is null", "filter such rows first, or give them a key of their own" end
    return "REQUIRED", ("column %q is required and was given null"):format(name)
  end
  local kind = field.type:match("^%a+%d*")
  local hint = HINTS[kind]
  if kind == "int" or kind == "int64" or kind == "timestamp" and type(value) == "cdata" then hint = whole_of(value) end
  if (kind == "int" or kind == "timestamp") and type(value) == "number" then
    if value ~= math.floor(value) then
      local whole = whole_of(value)
      if kind == "timestamp" then hint = HINTS.timestamp .. (whole and "; " .. whole or "") end
      return "ROW_TYPE", ("column %q is %s: %s is not a whole number"):format(name, kind, tostring(value)), hint
    end
    if kind == "timestamp" then
      return "ROW_TYPE", ("column %q is timestamp: %.17g is beyond 2^53"):format(name, value), hint
    end
    return "ROW_TYPE", ("column %q is int: %.17g is not below 2^53, where numbers begin to skip"):format(name, value),
      ("int64 holds 64 bits exactly: declare %s as int64, and calculate with int64 fields"):format(name)
  end
  if kind == "decimal" and (type(value) == "number" or tostring(value):find("^%-?%d")) and type(value) ~= "string" then
    local why, how = fit.misfit(field.type, value)
    if why then
      return "ROW_TYPE", ("column %q is %s: %s has %s"):format(name, field.type, tostring(value), why), how
    end
    return "ROW_TYPE", ("column %q is %s: %s does not fit"):format(name, field.type, tostring(value)),
      ":returns can declare more digits"
  end
  if kind == "int64" and type(value) == "number" then
    return "ROW_TYPE", ("column %q is int64: %s is not a whole number of 64 bits"):format(name, tostring(value)), whole_of(value)
  end
  if kind == "string" and type(value) == "string" then
    return "ROW_TYPE", ("column %q is string: byte %d of its text is not UTF-8: %s"):format(name, utf8.bad_byte(value) or 0,
      problem.show(value)), "texts are cut and put together at whole characters; other bytes go into a column of type bytes: "
      .. "map with :returns { " .. name .. " = \"bytes\" }"
  end
  if type(value) == "string" and kind == "timestamp" then
    hint = HINTS.timestamp .. (tonumber(value) and ": tonumber(value)" or ": tm.time.parse(value) makes one of a text")
  end
  if type(value) == "cdata" and kind == "double" then hint = "value:tonumber() makes a number" end
  if type(value) == "table" then
    hint = "a column holds one value; give each its own column"
  elseif node.settled and node.settled[name] and node.verb == "key" then
    local read = node.key_field and "e." .. node.key_field or "..."
    hint = ('the first row made the key %s; as texts, keys of all types are one type: key_by(function(e) return tostring(%s) end, "%s")')
      :format(field.type, read, name)
  elseif node.settled and node.settled[name] then
    local given = fit.type_of(value)
    hint = ("the operator's first row made the column %s; say what it is in all of them: :returns { %s = %s, ... }"):format(
      field.type, name, given and '"' .. given .. '"' or "...")
  end
  return "ROW_TYPE", ("column %q is %s, given %s"):format(name, field.type, problem.show_typed(value)), hint
end

---Code, message and hint for a value that does not fit.
failures.wrong_value = wrong_value

local function wrong_row(node, value)
  if node.verb == "process" then
    return "ROW_TYPE", ("ctx:emit is given %s, which is no row"):format(problem.show(value)), "ctx:emit { name = value }"
  end
  local verb = node.verb == "flat_map" and "emitted" or "returned"
  local hint = "return { name = value }, or the record"
  if value == nil and node.verb == "map" then hint = "return the record, a table or a text; filter drops rows" end
  return "ROW_TYPE", ("the function %s %s, which is no row"):format(verb, problem.show(value)), hint
end

local function wrong_key(node, key)
  local names = visible(node.schema)
  return "ROW_KEY", ("there is no column %s in the operator's schema: %s"):format(problem.show(key), suggest.list(names)),
    type(key) == "string" and suggest.hint(key, names) or "declare it in :returns"
end

---Failures of one instance.
---@param nodes table[]
---@param tell fun(index: integer, code: integer, message: string): integer tells C; negative: stop the job
---@param on_stop fun(code: integer) remembers why; the row's step then gives nil
function failures.new(nodes, tell, on_stop)
  local f = {}

  function f.fail(k, err)
    local code, message = failures.describe(err)
    local rc = tell(k, code, message)
    if rc < 0 then on_stop(rc) end
  end

  local function made(k, code, message, hint)
    local node = nodes[k + 1]
    return fault.new(code, node.where or "", message, hint)
  end

  function f.bad_value(k, name, value) f.fail(k, made(k, wrong_value(nodes[k + 1], name, value))) end
  function f.bad_row(k, value) f.fail(k, made(k, wrong_row(nodes[k + 1], value))) end
  function f.bad_key(k, key) f.fail(k, made(k, wrong_key(nodes[k + 1], key))) end

  -- The same as errors to be caught by the operator's own protected call.
  function f.throw_value(k, name, value) error(made(k, wrong_value(nodes[k + 1], name, value)), 0) end
  function f.throw_row(k, value) error(made(k, wrong_row(nodes[k + 1], value)), 0) end
  function f.throw_key(k, key) error(made(k, wrong_key(nodes[k + 1], key)), 0) end

  function f.raise_value(k, name, value) problem.raise(wrong_value(nodes[k + 1], name, value)) end
  function f.raise_key(k, key) problem.raise(wrong_key(nodes[k + 1], key)) end
  function f.raise_row(k, value) problem.raise(wrong_row(nodes[k + 1], value)) end

  -- An assignment to a column that the operator does not have.
  function f.raise_column(k, key)
    local node = nodes[k + 1]
    if node.verb == "accumulator" then
      local names = visible(node.schema)
      problem.raise("ROW_KEY", ("the accumulator has no field %s; it has %s"):format(problem.show(key), suggest.list(names)),
        type(key) == "string" and suggest.hint(key, names) or "declare it in accumulator = { ... }")
    end
    if node.verb ~= "map" and node.verb ~= "flat_map" and node.verb ~= "reduce" then
      problem.raise("ROW_KEY", ("%s cannot change its record"):format(node.verb), "change records in map or assign")
    end
    problem.raise(wrong_key(node, key))
  end

  function f.no_field(k, name)
    local names = visible(nodes[k + 1].input)
    problem.raise("UNKNOWN_FIELD", ("there is no field %s; the fields here are %s"):format(problem.show(name),
      suggest.list(names)), type(name) == "string" and suggest.hint(name, names) or nil)
  end

  function f.raise_out(k)
    problem.raise("USER_CODE", ("out was called after its %s function had returned"):format(nodes[k + 1].verb),
      "emit rows while the function runs")
  end

  -- Rows for side outputs of the last operator.
  local function side(i) return nodes[#nodes].codegen.sides[i] end
  function f.raise_side_value(i, name, value) problem.raise(wrong_value(side(i), name, value)) end
  function f.raise_side_row(i, value) problem.raise(wrong_row(side(i), value)) end
  function f.raise_side_key(i, key) problem.raise(wrong_key(side(i), key)) end
  function f.raise_side_large(_, _, size)
    problem.raise("LIMIT", ("the row takes %.0f bytes; a row has at most 64 MB"):format(size))
  end
  function f.raise_side_batch(i)
    problem.raise("LIMIT", ("one input row gave more rows for the side output %q than a batch can hold (256 MB)"):format(side(i).tag))
  end
  function f.raise_tag(k, value)
    local node, tags = nodes[k + 1], {}
    for _, exit in ipairs(node.codegen.analysis.side_emits) do
      tags[#tags + 1] = ("%q"):format(tostring(exit.tag))
      if exit.tag == value then
        problem.raise("ROW_TYPE", ("%s is given the tag %q and no row"):format(node.verb == "process" and "ctx:output" or "out", value),
          "where there is no row, do not call it")
      end
    end
    if node.verb == "process" then
      problem.raise("ROW_TYPE", ("ctx:output takes a tag and a row; the tag given is %s"):format(problem.show(value)),
        #tags > 0 and "the tags here are " .. suggest.list(tags) or 'ctx:output("late", { card = ctx.key })')
    end
    local main = node.verb == "flat_map" and "a row, or " or ""
    problem.raise("ROW_TYPE", ("out takes %sa tag and a row; the tag given is %s"):format(main, problem.show(value)),
      #tags > 0 and "the tags here are " .. suggest.list(tags) or 'for a side output: out("late", e)')
  end

  function f.too_large(k, size)
    f.fail(k, made(k, "LIMIT", ("the row takes %.0f bytes; a row has at most 64 MB"):format(size)))
  end

  function f.stop() error(failures.STOP, 0) end

  return f
end

return failures
