-- A module that is not beside the job.
local tm = require "tidemill"
local score = require "lib.score"
return tm.from(tm.lines()):map(score.of):to(tm.print())
