-- The catalogue of errors: checkpoints (TM07xx).
return {
  { "CHECKPOINT_DECLINED", group = "checkpoints",
    cause = [[An operator could not take part in a checkpoint: it holds rows whose types are not known yet, because all values of a
      column were nil so far. The job goes on, and the next checkpoint tries again.]],
    fix = [[Say what the function returns, so that nothing has to be waited for: :returns { note = "string" }.]],
    without = "it is a line of the log of a job that goes on" },
}
