-- The catalogue of errors: checkpoints (TM07xx). The form: cmake/catalogue.lua.
return {
  { "INPUT_CHANGED", group = "machine",
    cause = [[A job goes on from a checkpoint, and a file that it had begun to read is gone, shorter than what was read of it, or another
      file: what is in it cannot be what comes next.]],
    fix = [[Put back the file as it was. Or begin anew with all of the input: tidemill run --fresh.]],
    without = "A job has to be killed in the middle of a file that is changed then." },
  { "OUTPUT_CHANGED", group = "machine",
    cause = [[A job goes on from a checkpoint, and rows that belong to it and were kept in hidden files beside the output are gone, or
      the record of what has been committed is not as it was written.]],
    fix = [[Put back what was removed: hidden files beside an output belong to the job until it has finished. Or begin anew with all
      of the input: tidemill run --fresh.]],
    without = "Hidden files of a job have to be removed between two runs." },
}
