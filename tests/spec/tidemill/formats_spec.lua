-- Formats with options: what a node gets of them, and that Lua and C know the same ones.
local formats = require "tidemill.formats"
local scripts = require "tests.spec.support.scripts"

local HEAD = 'local tm = require "tidemill" local S = { a = "int" } '

local function source(text)
  return scripts.job(HEAD .. "return tm.from(" .. text .. "):to(tm.discard())").nodes[1]
end

local function sink(text)
  local nodes = scripts.job(HEAD .. "return tm.from(tm.lines()):to(" .. text .. ")").nodes
  return nodes[#nodes]
end

local function shown(node)
  local parts = { node.format }
  for i, o in ipairs(node.format_options) do parts[i + 1] = ("%s=%s"):format(o.name, o.value) end
  return table.concat(parts, " ")
end

describe("a format", function()
  it("is a name, or a table of options by tm.csv", function()
    assert.equal("csv", shown(source 'tm.file { path = "x", format = "csv", schema = S }'))
    assert.equal("csv", shown(source 'tm.file { path = "x", format = tm.csv(), schema = S }'))
    assert.equal("csv decimal=, delimiter=; header=false null=\nNA quote= skip_lines=2", shown(source [[tm.stdin {
      schema = S, format = tm.csv { delimiter = ";", header = false, decimal = ",", null = { "", "NA" }, quote = false,
      skip_lines = 2 } }]]))
    assert.equal("csv line_end=crlf quoting=all", shown(sink 'tm.print { format = tm.csv { quoting = "all", line_end = "crlf" } }'))
    assert.equal("json", shown(source 'tm.file { path = "x.jsonl", schema = S }'))
  end)

  it("is guessed from .csv, and from .tsv with tabs", function()
    assert.equal("csv", shown(source 'tm.file { path = "x.csv", schema = S }'))
    assert.equal("csv delimiter=\t", shown(sink 'tm.file { path = "x.tsv" }'))
    assert.equal("csv", shown(sink 'tm.file { path = "x.tsv", format = "csv" }'))
  end)

  it("is part of the fingerprint", function()
    local fingerprint = require "tidemill.fingerprint"
    local function of(options)
      return fingerprint.text(scripts.job(HEAD .. "return tm.from(tm.stdin { schema = S, format = tm.csv {" .. options
        .. "} }):to(tm.discard())"))
    end
    assert.equal(of("null = 'x'"), of("null = 'x'"))
    assert.is_not.equal(of("null = 'x'"), of("null = 'y'"))
  end)

  it("of JSON has a layout at sources only", function()
    assert.equal("json layout=array", shown(source 'tm.stdin { schema = S, format = tm.json { layout = "array" } }'))
    local f = scripts.fault(HEAD .. 'return tm.from(tm.lines()):to(tm.print { format = tm.json { layout = "array" } })')
    assert.equal("OPTION", f.code)
  end)

  it("has the options that C has", function()
    local found, file = {}, assert(io.open("core/format/csv_options.c"))
    for name in file:read("*a"):gmatch('{"([%l_]+)", TM_OPTION_') do found[#found + 1] = name end
    file:close()
    table.sort(found)
    assert.same(found, formats.option_names("csv"))
    found, file = {}, assert(io.open("core/format/json_read.c"))
    for name in file:read("*a"):gmatch('{"([%l_]+)", TM_OPTION_') do found[#found + 1] = name end
    file:close()
    assert.same(found, formats.option_names("json"))
  end)
end)
