-- The module is not loaded.
return tm.from(tm.lines()):to(tm.print())
