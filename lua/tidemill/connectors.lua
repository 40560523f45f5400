-- Sources and sinks: tm.lines, tm.stdin, tm.file, tm.generate, tm.print, tm.discard. A constructor checks what can be
-- checked without knowing whether it will be read or written; `as_source` and `as_sink` check the rest and give what a
-- node needs.
local building = require "tidemill.building"
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local files = require "tidemill.files"
local formats = require "tidemill.formats"
local freeze = require "tidemill.freeze"
local generate = require "tidemill.generate"
local infer = require "tidemill.infer"
local place = require "tidemill.place"
local problem = require "codegen.problem"
local schema = require "tidemill.schema"
local suggest = require "tidemill.suggest"

local connectors = {}

local SUFFIXES = {
  jsonl = "json", ndjson = "json", json = "json", txt = "text", log = "text", text = "text", csv = "csv", tsv = "csv",
  msgpack = "msgpack", mp = "msgpack",
}
local TABS = { { name = "delimiter", value = "\t" } } -- of a .tsv file
local UNKNOWN_COMPRESSED = { bz2 = true, xz = true, lz4 = true, zip = true, Z = true, zstd = true }
local RECORD_MAX = 64 * 1024 * 1024

-- Options with the role that can have them; nil: both. `option` = false: not passed on to C under its name.
local function format(at, what, v)
  if freeze.kind(v) == "format" then return v end
  -- tm.csv without its braces is a function too, and none of the job's
  if type(v) == "function" and not problem.is_engine(debug.getinfo(v, "S").source) then return v end
  if type(v) == "function" then
    local name = building.names[v]
    check.wrong(at, what, "the name of a format, tm.csv {...}, tm.json {...} or a function of the job", v,
      (name == "tm.csv" or name == "tm.json") and ("call it: %s {}"):format(name) or nil)
  end
  return check.choice(at, what, v, formats.NAMES)
end
local function on_error(at, what, v)
  if freeze.kind(v) == "connector" then return v end
  if v ~= "fail" and v ~= "skip" then
    check.wrong(at, what, '"fail", "skip" or a sink for dead letters', v,
      'for example on_error = tm.file { path = "dead.jsonl" }')
  end
  return v
end
local function any(_, _, v) return v end

local COMMON = { format = { format }, schema = { any }, on_error = { on_error }, name = { check.name }, renamed_from = { check.name } }
local MAX_RECORD = { function(at, what, v) return check.size(at, what, v, 1, RECORD_MAX) end, "source", pass = true }
local NULLS = { function(at, what, v) return check.choice(at, what, v, { "write", "omit" }) end, "sink", pass = true }
local TIMESTAMP = { function(at, what, v) return check.choice(at, what, v, { "iso", "ms" }) end, "sink", pass = true }

local KINDS = {
  file = {
    connector = "file", source = true, sink = true,
    options = {
      path = { check.string, pass = true }, max_record = MAX_RECORD, nulls = NULLS, timestamp = TIMESTAMP,
    },
  },
  stdin = { connector = "stdin", source = true, options = { max_record = MAX_RECORD } },
  lines = { connector = "stdin", source = true, options = { max_record = MAX_RECORD } },
  generate = {
    connector = "generate", source = true,
    options = {
      rate = { function(at, what, v)
        check.number(at, what, v)
        if v <= 0 then check.wrong(at, what, "a number of rows per second above 0", v) end
        return v
      end, pass = true },
      count = { function(at, what, v) return check.integer(at, what, v, 1, 2 ^ 53) end, pass = true }, -- absent: no end
      seed = { generate.unsigned, pass = true }, fields = { any },
    },
  },
  print = { connector = "print", sink = true, options = { nulls = NULLS, timestamp = TIMESTAMP } },
  socket = {
    connector = "socket", source = true,
    options = {
      host = { check.string, pass = true }, max_record = MAX_RECORD,
      port = { function(at, what, v) return check.integer(at, what, v, 0, 65535) end, pass = true },
      listen = { check.boolean, pass = true }, reconnect = { check.boolean, pass = true },
      expose = { check.boolean, pass = true },
      connect_timeout = { function(at, what, v) return check.duration(at, what, v, 1) end, pass = true },
    },
  },
  webhook = {
    connector = "webhook", sink = true,
    options = {
      url = { check.string, pass = true }, nulls = NULLS, timestamp = TIMESTAMP,
      body = { function(at, what, v) return check.choice(at, what, v, { "lines", "array", "record" }) end, pass = true },
      batch = { function(at, what, v) return check.integer(at, what, v, 1, 1000000) end, pass = true },
      batch_bytes = { function(at, what, v) return check.size(at, what, v, 1, RECORD_MAX) end, pass = true },
      every = { function(at, what, v) return check.duration(at, what, v, 0) end, pass = true },
      in_flight = { function(at, what, v) return check.integer(at, what, v, 1, 16) end, pass = true },
      timeout = { function(at, what, v) return check.duration(at, what, v, 1) end, pass = true },
      headers = { any }, retry = { any }, verify = { check.boolean, pass = true }, ca = { check.string, pass = true },
    },
  },
  sink = {
    connector = "discard", sink = true, options = { open = { check.func }, write = { check.func }, close = { check.func } },
  },
  discard = { connector = "discard", sink = true, options = {} },
}

for name, option in pairs(files.options) do KINDS.file.options[name] = option end

local function shown(kind) return "tm." .. kind end

local LOOPBACK = { localhost = true, ["::1"] = true, ["127.0.0.1"] = true }

local function check_socket(call, what, v)
  if not v.port then
    fault.raise("ARGUMENT", call.at, what .. ": port is missing", "for example tm.socket { port = 9000 }")
  end
  if v.listen and v.reconnect then
    fault.raise("OPTION", call.at, what .. ": reconnect is for connecting; a listening source takes new connections at any time")
  end
  if not v.listen then
    if v.port == 0 then
      fault.raise("ARGUMENT", call.at, what .. ": port: a number from 1 to 65535 is needed to connect to, given 0",
        "listen = true with port = 0 lets the system choose one")
    end
    if v.expose ~= nil then fault.raise("OPTION", call.at, what .. ": expose is for listen = true") end
  elseif v.host and not LOOPBACK[v.host] and not v.host:find("^127%.") and not v.expose then
    fault.raise("OPTION", call.at, ('%s: "%s" can be reached from other machines'):format(what, v.host),
      'listen on "127.0.0.1", or say expose = true: records are taken from whoever connects')
  end
end

-- What the webhook's tables are for C: one text of header lines, and retry_* numbers.
local function webhook_options(call, what, v)
  local flat, lines = {}, {}
  if not v.url then
    fault.raise("ARGUMENT", call.at, what .. ": url is missing", 'for example tm.webhook { url = "https://example.com/events" }')
  end
  if not v.url:lower():find("^https?://[^/]") or v.url:find("[%c ]") then
    fault.raise("ARGUMENT", call.at, what .. ": url: http://... or https://... is needed",
      'for example url = "https://example.com/events"')
  end
  if v.format ~= nil and v.format ~= "json" then
    fault.raise("OPTION", call.at, what .. ": rows are sent as JSON; body says in which form: \"lines\", \"array\" or \"record\"")
  end
  if v.body == "record" and v.batch and v.batch > 1 then
    fault.raise("OPTION", call.at, what .. ': body = "record" sends one row in each request; batch is for "lines" and "array"')
  end
  if v.headers ~= nil then
    if type(v.headers) ~= "table" or freeze.kind(v.headers) then
      check.wrong(call.at, what .. ": headers", "a table of texts", v.headers, 'for example headers = { ["X-Source"] = "tidemill" }')
    end
    for _, name in ipairs(suggest.keys(v.headers)) do
      local value = v.headers[name]
      if type(value) ~= "string" or value:find("%c") or not name:find("^[%w%-_]+$") then
        fault.raise("ARGUMENT", call.at, ("%s: headers: %s: a header is a name of letters, digits and -, and a text without line ends")
          :format(what, check.show(name)))
      end
      lines[#lines + 1] = ("%s: %s"):format(name, value)
    end
    flat[1] = { name = "headers", value = table.concat(lines, "\n") }
  end
  local function duration(a, w, x) return check.duration(a, w, x, 1) end
  local retry = check.options(call.at, what .. ": retry", v.retry, {
    attempts = function(a, w, x) return check.integer(a, w, x, 1, 1000000) end, min = duration, max = duration,
  })
  if (retry.min or 200) > (retry.max or 30000) then
    fault.raise("ARGUMENT", call.at, what .. ": retry: min is longer than max")
  end
  for _, name in ipairs(suggest.keys(retry)) do flat[#flat + 1] = { name = "retry_" .. name, value = retry[name] } end
  return flat
end

local function construct(kind, given, positional)
  local file, line = place.find()
  local call = { at = place.here(), file = file, line = line }
  local what, definition, spec = shown(kind), KINDS[kind], {}
  if positional ~= nil then
    fault.raise("ARGUMENT", call.at, ("%s: one table of options is taken, given also %s"):format(what,
      check.show(positional)))
  end
  for name, d in pairs(COMMON) do spec[name] = d[1] end
  for name, d in pairs(definition.options) do spec[name] = d[1] end
  if type(given) == "string" and definition.options.path then
    check.wrong(call.at, what, "a table of options", given, ('%s { path = "%s" }'):format(what, given))
  end
  local values = check.options(call.at, what, given, spec)
  local self = { kind = kind, what = what, at = call.at, values = values, definition = definition }
  if values.schema ~= nil then
    if kind == "generate" then
      fault.raise("OPTION", call.at, what .. ": the fields are the schema; schema is not needed")
    end
    self.schema = schema.declare(call, what .. ": schema", values.schema)
  end
  if kind == "sink" then
    if not values.write then
      fault.raise("ARGUMENT", call.at, what .. ": write is missing: a function that is called with each row",
        "for example tm.sink { write = function(e) print(e.id) end }")
    end
    if values.format ~= nil then
      fault.raise("OPTION", call.at, what .. ": write gets rows, not bytes: it has no format")
    end
  end
  if kind == "webhook" then self.flat = webhook_options(call, what, values) end
  if kind == "socket" then check_socket(call, what, values) end
  if kind == "file" and not values.path then
    fault.raise("ARGUMENT", call.at, "tm.file: path is missing", 'for example tm.file { path = "in/*.jsonl" }')
  end
  if kind == "file" then self.flat = files.flat(values) end
  if kind == "lines" and values.format ~= nil and values.format ~= "text" then
    fault.raise("OPTION", call.at, "tm.lines reads text; its format is \"text\"", 'tm.stdin { format = "json", ... }')
  end
  if kind == "generate" then
    if values.format ~= nil then
      fault.raise("OPTION", call.at, "tm.generate makes rows, not bytes: it has no format")
    end
    if values.fields == nil then
      fault.raise("ARGUMENT", call.at, "tm.generate: fields is missing",
        'for example fields = { user_id = tm.gen.pattern("u####"), amount = tm.gen.uniform(1, 500) }')
    end
    self.generated = generate.fields(call, what, values.fields)
    self.schema, self.flat = self.generated.columns, self.generated.options
  end
  return freeze.object("connector", self)
end

for kind in pairs(KINDS) do
  connectors[kind] = function(options, ...) return construct(kind, options, (...)) end
end

-- The format that a path's suffix names, and the suffix.
local function suffix_format(path)
  local suffix = files.suffix(path)
  return suffix and SUFFIXES[suffix:lower()], suffix and suffix:lower()
end

local function passed_options(self)
  local options = {}
  for name, d in pairs(self.definition.options) do
    if d.pass and self.values[name] ~= nil then options[#options + 1] = { name = name, value = self.values[name] } end
  end
  for _, o in ipairs(self.flat or {}) do options[#options + 1] = o end
  table.sort(options, function(a, b) return a.name < b.name end)
  return options
end

-- The format of a file or stream, and its options: given, or guessed (and said).
local function format_of(self, at, role, findings, session)
  local v = self.values
  local guessed, suffix = nil, nil
  if self.kind == "lines" then return "text", {} end
  if self.kind == "generate" or self.kind == "discard" or self.kind == "sink" or self.kind == "print" then
    return formats.of(v.format or "")
  end
  if self.kind == "webhook" then return "json", {} end
  if v.path then guessed, suffix = suffix_format(v.path) end
  if suffix and UNKNOWN_COMPRESSED[suffix] then
    fault.raise("OPTION", at, ('%s: "%s": files compressed like this cannot be %s; .gz and .zst can'):format(self.what,
      v.path, role == "source" and "read" or "written"), role == "source" and "unpack it into tm.stdin" or nil)
  end
  if type(v.format) == "function" then return "text", {} end -- a line each; ends.lua puts the function behind or before it
  if v.format then return formats.of(v.format) end
  local how
  if self.kind == "stdin" or self.kind == "socket" then
    guessed = self.schema and "json" or "text"
    how = self.schema and "there is a schema" or "there is no schema"
  elseif guessed then
    how = "the suffix of " .. v.path
  elseif role == "sink" and not suffix then
    guessed, how = "json", "the default for a folder of part files"
  end
  if not guessed then
    if role == "source" then infer.look(session, self, passed_options(self)) end -- a file that is not there has no format
    fault.raise("OPTION", at, ('%s: the format of "%s" cannot be guessed from its suffix'):format(self.what, v.path),
      'say format = "json" (one object per line), format = "text" (one string per line) or format = "csv"')
  end
  local shown_format = suffix == "tsv" and [[tm.csv { delimiter = "\t" }]] or ('"%s"'):format(guessed)
  findings[#findings + 1] = { severity = "advice", code = "FORMAT_GUESSED", where = self.at,
    message = ("%s: format = %s, because %s"):format(self.what, shown_format,
      how:find("^there") and how or "of " .. how),
    hint = ("say format = %s to be independent of it"):format(shown_format) }
  return guessed, suffix == "tsv" and TABS or {}
end

local SINKS = "sinks: tm.print(), tm.file{}, tm.webhook{}, tm.sink{}, tm.discard()"
local SOURCES = "sources: tm.lines(), tm.stdin{}, tm.file{}, tm.socket{}, tm.generate{}"

local function role_check(self, at, role, what)
  if not self.definition[role] then
    fault.raise("ARGUMENT", at, role == "source" and ("from: %s is a sink; a source is needed"):format(self.what)
      or ("%s: %s is a source; a sink is needed"):format(what, self.what),
      role == "source" and SOURCES
      or SINKS)
  end
  for name, d in pairs(self.definition.options) do
    if d[2] and d[2] ~= role and self.values[name] ~= nil then
      fault.raise("OPTION", self.at, ('%s: "%s" is an option of %s'):format(self.what, name,
        d[2] == "sink" and "sinks, and this is read" or "sources, and this is written"))
    end
  end
end

local function base_name(self)
  if self.values.path then return self.values.path:match("([^/]+)/*$") or "file" end
  return self.kind
end

local function is_bounded(self)
  local v = self.values
  if v.follow then return false end
  if self.kind == "socket" then return not (v.listen or v.reconnect) end
  return self.kind ~= "generate" or v.count ~= nil or self.generated.bounded or false
end

---The options of a format with others.
function connectors.with_options(options, more)
  if #more == 0 then return options end
  local all = {}
  for _, list in ipairs { options, more } do for _, o in ipairs(list) do all[#all + 1] = o end end
  table.sort(all, function(a, b) return a.name < b.name end)
  return all
end

---What a source node needs, or a fault.
---@param connector any as given to from
---@param session table whose findings get what is guessed
---@return table { connector, format, schema, options, bounded, base, on_error, name, self }
function connectors.as_source(connector, at, session)
  local self = freeze.content(connector, "connector")
  if not self then
    check.wrong(at, "from", "a source", connector, SOURCES)
  end
  role_check(self, at, "source", "from")
  local chosen, format_options = format_of(self, at, "source", session.findings, session)
  if self.kind == "file" then files.check_source(self, chosen) end
  local columns, options = self.schema, passed_options(self)
  if infer.can(chosen) and not columns then
    columns = infer.schema(session, { what = self.what, at = self.at, kind = self.kind, format = chosen,
      format_options = format_options, options = options, connector = self.definition.connector })
  end
  local decoder = type(self.values.format) == "function" and self.values.format or nil
  if decoder then
    if columns then schema.refuse_options(self.at, self.what .. ": schema", columns) end
    columns = nil
  end
  if chosen == "text" then
    if columns then
      fault.raise("SCHEMA", self.at, self.what .. ": text has one column, line; it takes no schema",
        'for one JSON object per line say format = "json"')
    end
    columns = schema.line()
  elseif chosen == "raw" then
    if columns then
      fault.raise("SCHEMA", self.at, self.what .. ": raw has one column, data, the bytes of a whole input; it takes no schema")
    end
    columns = schema.data()
  end
  format_options = connectors.with_options(format_options, schema.options(columns))
  return { connector = self.definition.connector, format = chosen, format_options = format_options, schema = columns,
    decoder = decoder, returns = decoder and self.schema,
    options = options,
    bounded = is_bounded(self), base = base_name(self), self = self,
    on_error = self.values.on_error, name = self.values.name, renamed_from = self.values.renamed_from }
end

---What a sink node needs, or a fault. Same shape; `schema` is what the rows must have, when the user said so.
function connectors.as_sink(connector, at, what, findings)
  local self = freeze.content(connector, "connector")
  if not self then
    check.wrong(at, what, "a sink", connector, SINKS)
  end
  role_check(self, at, "sink", what)
  if self.kind == "file" then files.check_sink(self, suffix_format(self.values.path) ~= nil) end
  local chosen, format_options = format_of(self, at, "sink", findings)
  if self.schema and self.schema.shapeless then
    fault.raise("SCHEMA", self.at, self.what .. ': schema = "any" is for sources; a sink writes the rows that it gets',
      "leave it out")
  end
  if self.schema then schema.refuse_options(self.at, self.what .. ": schema", self.schema) end
  for _, o in ipairs(format_options or {}) do
    if chosen == "json" and o.name == "layout" then
      fault.raise("OPTION", self.at, self.what .. ": layout is of sources: JSON is written as one object per line",
        "tm.webhook { body = \"array\" } sends arrays")
    end
  end
  if chosen == "csv" and self.values.nulls == "omit" then
    fault.raise("OPTION", self.at, self.what .. ': nulls = "omit": a record of CSV has a place for every column',
      'what stands there is an option: format = tm.csv { null = "" }')
  end
  return { connector = self.definition.connector, format = chosen, format_options = format_options,
    schema = self.schema, options = passed_options(self), base = base_name(self), self = self,
    on_error = self.values.on_error, name = self.values.name, renamed_from = self.values.renamed_from }
end

return connectors
