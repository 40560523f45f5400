-- The catalogue of errors: running jobs and those who ask them (TM077x).
local slow = { "job.lua", [[local tm = require "tidemill"
local job = tm.job("orders", {})
job:from(tm.generate { count = 2000, rate = 1000, fields = { k = tm.gen.uniform(1, 5, "int") } })
  :key_by("k"):count { name = "counts" }:to(tm.discard())
return job
]] }
local start = "tidemill run job.lua --quiet --no-checkpoints & sleep 1; "

return {
  { "NO_JOB", group = "running jobs",
    cause = [[No job of this name runs, or none of this user: jobs of others, and on other machines, are not seen.]],
    fix = [[`tidemill list` has those that run. A job in another session is found by the folder of its checkpoints too:
      tidemill show .tidemill/fraud.]],
    run = [[tidemill show orders]] },
  { "JOB_AMBIGUOUS", group = "running jobs",
    cause = [[Several jobs of this name run: from several folders, or without checkpoints.]],
    fix = [[Name one by the number of its process, which the message has, or by the folder of its checkpoints.]],
    files = { slow },
    run = start .. [[tidemill run job.lua --quiet --no-checkpoints & sleep 0.5; tidemill show orders; code=$?; wait; exit $code]] },
  { "JOB_SILENT", group = "running jobs",
    cause = [[The process of the job is there and says nothing: it was stopped (Ctrl-Z, SIGSTOP), the machine is short of memory, or it
      ended while it was asked.]],
    fix = [[Continue it (fg, kill -CONT), or end it with kill -9: its checkpoints stay, and the next run goes on from the newest.]],
    files = { slow },
    run = start .. [[job=$(tidemill list --json | sed 's/.*"pid":\([0-9]*\).*/\1/'); kill -STOP $job; ]] ..
      [[tidemill show $job; code=$?; kill -CONT $job; wait; exit $code]] },
  { "JOB_REFUSES", group = "running jobs",
    cause = [[The job cannot do what was asked as it stands: it takes no checkpoints and so no savepoints, or it ends already.]],
    fix = [[The message says why. To have savepoints, let the job take checkpoints: checkpoint = "30s" in tm.job, or --dir.]],
    files = { slow },
    run = start .. [[tidemill savepoint orders; code=$?; wait; exit $code]] },
  { "METRICS_PORT", group = "running jobs",
    cause = [[The port of --metrics is another program's, or needs rights that this user has not (those below 1024).]],
    fix = [[Take another port, or --metrics 0 for one that is free, which the log tells.]],
    files = { slow },
    run = [[tidemill run job.lua --quiet --no-checkpoints --metrics 49517 & sleep 0.5; ]] ..
      [[tidemill run job.lua --no-checkpoints --metrics 49517; code=$?; wait; exit $code]] },
  { "SAVEPOINT", group = "running jobs",
    cause = [[The savepoint was begun and could not be taken, took longer than the timeout of checkpoints (10 minutes, or
      checkpoint = { timeout = "1h" } in tm.job), or another one is being taken.]],
    fix = [[The message says why. The job and its checkpoints are not harmed: ask again.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job("slow", { checkpoint = { interval = "1h", timeout = "100ms", aligned_timeout = false } })
job:from(tm.generate { count = 1000, fields = { k = tm.gen.sequence() } })
  :filter(function(e) for i = 1, 1e8 do e = e end return true end):to(tm.discard())
return job
]] } },
    run = [[tidemill run job.lua --quiet & until tidemill show slow > shown 2>&1; do sleep 0.1; done; ]] ..
      [[tidemill savepoint slow; code=$?; kill -9 $!; exit $code]] },
  { "NO_STATE", group = "running jobs",
    cause = [[The job has no state of this name that can be read, or the state has nothing of this key.]],
    fix = [[`tidemill state list JOB` has the names: OPERATOR.STATE of process functions, columns of aggregates and windows. scan prints the
      keys that there are.]],
    files = { slow },
    run = start .. [[tidemill state get orders counts.cuont 1; code=$?; wait; exit $code]] },
  { "STATE_KEY", group = "running jobs",
    cause = [[The key that was given cannot be one of this state: it has another type, or misses a column; or the state is kept for no key (broadcast state,
      lists of an operator), or for each key and none was given.]],
    fix = [[A key of one column is given as it is, 17 or u-17; one of several as a JSON object with all of them:
      '{"shop":3,"day":"mon"}'. Times are "2026-01-01T00:00:00Z". Of a state of no key: tidemill state get JOB STATE.]],
    files = { slow },
    run = start .. [[tidemill state get orders counts.count one; code=$?; wait; exit $code]] },
}
