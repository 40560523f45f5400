-- Sources without a schema: C samples their first records while the script is evaluated (core/task/sample.h) and says
-- which columns they have. The state that plans is the first to ask; those of the workers get the same answer.
local fault = require "tidemill.fault"
local schema = require "tidemill.schema"
local schema_text = require "tidemill.schema_text"

local infer = {}

local FORMATS = { json = true, csv = true, msgpack = true }

---Can a source of this format be without a schema?
function infer.can(format) return FORMATS[format] == true end

local FIX = 'declare the fields that the job uses: schema = { user_id = "string", amount = "decimal(10,2)", ts = "timestamp" }'
local HINTS = {
  socket = FIX .. '; or schema = "any", whose records are tables',
  stdin = "pipe some records in: tidemill ... < data.jsonl; or " .. FIX,
  file = FIX .. '; or schema = "any"',
}

local function option(options, name)
  for _, o in ipairs(options) do if o.name == name then return o.value end end
end

local function code_of(number)
  for name, n in pairs(require "tidemill.codes") do if n == number then return name end end
  return "INTERNAL"
end

-- What to know of columns, most of which are no problem: a few, then how many more there are.
local function notes_of(columns)
  local notes = {}
  for _, c in ipairs(columns) do
    if c.note then notes[#notes + 1] = ("%s: %s"):format(c.name, c.note) end
  end
  local more = #notes - 5
  for i = #notes, 6, -1 do notes[i] = nil end
  if more > 0 then notes[#notes + 1] = ("and %d more"):format(more) end
  return table.concat(notes, "; ")
end

---Raises where there is nothing to read: before anything else is said of a source.
---@param self table of a connector
function infer.look(session, self, options)
  if not session.args.infer then return end
  local _, message, hint, number = session.args.infer(session.sampled or 0, { connector = self.definition.connector, format = "",
    options = options, format_options = {}, name = self.what, where = self.at })
  if number == require("tidemill.codes").NOT_FOUND then
    fault.raise("NOT_FOUND", self.at, ("%s: %s"):format(self.what, message), hint ~= "" and hint or nil)
  end
end

---The schema of a source's records.
---@param session table whose script asks
---@param source table { what =, at =, kind =, connector =, format =, format_options =, options = }
function infer.schema(session, source)
  if option(source.format_options, "header") == "false" then
    fault.raise("SCHEMA_MISSING", source.at, source.what .. ": CSV without a header names no columns: a schema is needed",
      'in the order of the fields: schema = tm.schema { user_id = "string", amount = "decimal(10,2)" }')
  end
  session.sampled = (session.sampled or 0) + 1
  local sample = session.args.infer
  if not sample then
    fault.raise("SCHEMA_MISSING", source.at, source.what .. ": a schema is needed", FIX)
  end
  local columns, message, hint, number = sample(session.sampled - 1, {
    connector = source.connector, format = source.format, options = source.options, format_options = source.format_options,
    name = source.what, where = source.at,
  })
  if not columns then
    local code = code_of(number)
    if hint == "" then
      hint = code == "SCHEMA" and 'schema = "any" takes records of any shape' or
        code == "SCHEMA_MISSING" and (HINTS[source.kind] or FIX) or nil
    end
    fault.raise(code, source.at, ("%s: %s"):format(source.what, message), hint)
  end
  local s = schema.make(columns)
  for i, c in ipairs(columns) do s.fields[i].rename, s.fields[i].note = c.rename, c.note end
  s.inferred = true
  local notes = notes_of(columns)
  session.findings[#session.findings + 1] = { severity = "advice", code = "SCHEMA_INFERRED", where = source.at,
    message = ("%s: schema = %s, inferred from the first records%s"):format(source.what, schema_text.line(s),
      notes == "" and "" or " (" .. notes .. ")"),
    hint = "paste it to be independent of what comes first; `tidemill schema` prints it" }
  return s
end

return infer
