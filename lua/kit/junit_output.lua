-- What `tidemill test --output junit` prints: XML as busted's own form has it, which takes names and messages as they are, though XML has
-- neither control characters nor bytes that are not UTF-8.
local clean = require "kit.clean"

local function attributes(given)
  local parts = {}
  for i, pair in ipairs(given) do parts[i] = (' %s="%s"'):format(pair[1], clean.attribute(tostring(pair[2]))) end
  return table.concat(parts)
end

local function seconds(n) return ("%.2f"):format(n or 0) end

local function problem_text(problem)
  local trace = problem.trace and problem.trace.traceback
  return clean.xml(clean.text(problem.message) .. (type(trace) == "string" and trace or ""))
end

return function()
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local suites, outside = {}, {} -- what is done; problems that are of no case
  local suite
  local began = busted.monotime()

  local function counts(of)
    return { "tests", of.tests }, { "errors", of.errors }, { "failures", of.failures }, { "skip", of.skip }
  end

  local function case(element, body)
    local trace = element.trace or {}
    suite.tests = suite.tests + 1
    suite.cases[suite.tests] = ("\t\t<testcase%s%s\n"):format(attributes {
      { "classname", ("%s:%s"):format(trace.short_src or "?", trace.currentline or 0) }, { "name", handler.getFullName(element) },
      { "time", seconds(element.duration) } }, body and (">\n\t\t\t%s\n\t\t</testcase>"):format(body) or "/>")
  end

  busted.subscribe({ "suite", "start" }, function(_, count, total)
    suite = { name = ("Run %s of %s"):format(count, total), tests = 0, errors = 0, failures = 0, skip = 0, cases = {},
      at = os.date("!%Y-%m-%dT%H:%M:%S") }
    suites[#suites + 1] = suite
    return nil, true
  end)
  busted.subscribe({ "suite", "end" }, function(element)
    suite.seconds = element.duration
    return nil, true
  end)
  busted.subscribe({ "test", "end" }, function(element, _, status)
    if status == "success" then
      case(element)
    elseif status == "pending" then
      local message = handler.pendings[#handler.pendings].message
      suite.skip = suite.skip + 1
      case(element, message and ("<skipped>%s</skipped>"):format(clean.xml(message)) or "<skipped/>")
    elseif status == "failure" then
      suite.failures = suite.failures + 1
      case(element, ("<failure>%s</failure>"):format(problem_text(handler.failures[#handler.failures])))
    else
      suite.errors = suite.errors + 1
      case(element, ("<error>%s</error>"):format(problem_text(handler.errors[#handler.errors])))
    end
    return nil, true
  end, { predicate = handler.cancelOnPending })
  -- Of what is no case: a file that cannot be read, before_each, teardown.
  local function no_case(element)
    if element.descriptor ~= "it" then outside[#outside + 1] = handler.errors[#handler.errors] end
    return nil, true
  end
  busted.subscribe({ "error" }, no_case)
  busted.subscribe({ "failure" }, no_case)

  busted.subscribe({ "exit" }, function()
    local all = { tests = 0, errors = #outside, failures = 0, skip = 0 }
    for _, s in ipairs(suites) do
      for _, name in ipairs { "tests", "errors", "failures", "skip" } do all[name] = all[name] + s[name] end
    end
    local out = { "<testsuites", attributes { counts(all) }, attributes { { "time", seconds(busted.monotime() - began) } }, ">\n" }
    for _, problem in ipairs(outside) do out[#out + 1] = ("\t<error>%s</error>\n"):format(problem_text(problem)) end
    for _, s in ipairs(suites) do
      out[#out + 1] = ("\t<testsuite%s%s>\n"):format(attributes { { "name", s.name }, counts(s) },
        attributes { { "time", seconds(s.seconds) }, { "timestamp", s.at } })
      out[#out + 1] = table.concat(s.cases)
      out[#out + 1] = "\t</testsuite>\n"
    end
    out[#out + 1] = "</testsuites>\n"
    io.write('<?xml version="1.0" encoding="UTF-8"?>\n', table.concat(out))
    io.flush()
    return nil, true
  end)
  return handler
end
