run -e 'tm.from(tm.lines()):filter(function(l) return l != 1 end)'
