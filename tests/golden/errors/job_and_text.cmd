run ok.lua -e 'tm.from(tm.lines())'
