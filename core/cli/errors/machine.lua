-- The catalogue of errors: the machine, the engine, and the command line (TM01xx, TM02xx). The form: cmake/catalogue.lua.
return {
  { "MEMORY", group = "machine",
    cause = [[The system refused memory: it has no more, or a limit (ulimit -v, a container's) was reached. What tidemill
      needs grows with the keys that are in state and with what the functions of the job keep.]],
    fix = [[Give the process more memory, keep fewer keys (windows give theirs back when they fire), or bound what functions
      keep with lua_memory, so that the job that keeps too much is told so (TM0505).]],
    run = [[(ulimit -v 300000; tidemill run --parallelism 1 -e 'tm.job("j", { lua_memory = "8GB" }):from(tm.generate { count = 1e8, fields = { v = tm.gen.sequence() } }):map((function() local kept = {} return function(e) kept[#kept + 1] = { e.v } return { n = #kept } end end)()):to(tm.discard())')]] },
  { "IO", group = "machine",
    cause = [[The system failed to read or write: a broken disk or network share, a terminal that has gone, or a thing that
      has a name like a file and cannot be read like one.]],
    fix = [[The message has the path and what the system said. Try the same path with another program (cat, cp).]],
    run = [[tidemill run -e 'tm.from(tm.file { path = "/proc/self/mem", format = "text" })']] },
  { "NO_SPACE", group = "machine",
    cause = [[The disk, the quota or the limit of a file's size is full. What had been written stays in whole lines.]],
    fix = [[Make room, or write elsewhere, and run again: a job that takes checkpoints goes on where it was,
      and its hidden files belong to it. Those of a job without checkpoints that failed may be removed.]],
    run = [[seq 5 | tidemill run -e 'tm.from(tm.lines())' > /dev/full]] },
  { "LIMIT", group = "machine",
    cause = [[A bound of the engine or of the system was reached: operators of a job, columns of a key, windows that a row
      belongs to, the size of a row, open files, threads.]],
    fix = [[The message has the bound. Bounds of the engine are far beyond what jobs need (docs: core/base/limits.h): look for a
      size or a slide that was meant in another unit. Those of the system are raised with ulimit.]],
    run = [[echo row | tidemill run -e 'tm.from(tm.lines()):map(function(l) return { text = l:rep(3e7) } end)']] },
  { "INTERNAL", group = "machine",
    cause = [[The engine found itself in a state that it should never be in. The job is not to blame.]],
    fix = [[Report it with the message, the version (tidemill version) and, if you can, the job. A change of the line that the
      message names often gets around it.]],
    without = "There is no known way to get this error; please report the one that you found." },
  { "CLOSED_PIPE", group = "machine",
    cause = [[The program that read the output has ended: `tidemill run job.lua | head`. The job ends too, with exit code 0.]],
    fix = [[Nothing: whoever read has seen what it wanted.]],
    without = "A reader that goes is no error of the command line: it ends quietly." },
  { "NOT_FOUND", group = "machine",
    cause = [[There is no file of this name; no file matches the pattern; or there is no module of the name given to require.
      A relative path is relative to the working directory, a module to the job's folder.]],
    fix = [[The hint names what stands in the folder. A path that comes from outside is best declared:
      tm.arg("input", "data.jsonl").]],
    run = [[tidemill run -e 'tm.from(tm.file { path = "no-such-file.txt" })']] },
  { "CORRUPT", group = "machine",
    cause = [[Bytes that the engine wrote earlier are not what it wrote: a file was cut or changed.]],
    fix = [[Restore the file from where it came. The message has the offset and what was found there.]],
    without = "Only damaged bytes give it; nothing that a job does." },
  { "STOPPED", group = "machine",
    cause = [[The job was stopped (Ctrl-C, SIGTERM) while something was still waiting.]],
    fix = [[Nothing: the exit code is 130. A second Ctrl-C stops at once.]],
    without = "It is the answer to Ctrl-C." },
  { "PERMISSION", group = "machine",
    cause = [[The user that runs tidemill may not read this file, or may not write into this folder.]],
    fix = [[Run as another user, change the permissions (chmod, chown), or write elsewhere.]],
    run = [[echo secret > mine.txt; chmod 000 mine.txt; tidemill run -e 'tm.from(tm.file { path = "mine.txt" })']] },
  { "EXISTS", group = "machine",
    cause = [[A sink would write where there is something already. Nothing is overwritten without being asked.]],
    fix = [[Say what is meant: if_exists = "append" or "replace" in the sink; or move the output away.]],
    run = [[echo old > out.jsonl; echo new | tidemill run -e 'tm.from(tm.lines()):to(tm.file { path = "out.jsonl" })']] },
  { "IN_USE", group = "machine",
    cause = [[Another run of tidemill is writing to the same output.]],
    fix = [[Give each run its own path, or let the first end.]],
    files = { { "job.lua", [=[
local tm = require "tidemill"
return tm.from(tm.lines()):to(tm.file { path = "out.jsonl" })
]=] } },
    run = [[mkfifo rows; tidemill run job.lua < rows & exec 3> rows; until [ -e .out.jsonl.inprogress ]; do sleep 0.1; done; echo again | tidemill run job.lua; exec 3>&-; wait]] },
  { "NETWORK", group = "machine",
    cause = [[A host or port that the job connects to or listens on cannot be reached or used: wrong name, nobody listening, refused.]],
    fix = [[Check host and port; reconnect = true waits for a source that comes later.]],
    run = [[tidemill run -e 'tm.from(tm.socket { host = "127.0.0.1", port = 1, format = "text" })']] },
  { "USAGE", group = "script",
    cause = [[The command line is not understood: an unknown command or flag, a flag without its value, two jobs, or --set of
      an argument that the job does not declare. The exit code is 2.]],
    fix = [[`tidemill help` lists the commands, `tidemill help COMMAND` its flags, `tidemill run JOB.lua --help` the arguments of
      a job.]],
    run = [[tidemill run job.lua --paralelism 2]] },
}
