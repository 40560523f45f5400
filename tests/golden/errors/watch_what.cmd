run ok.lua --watch-output graph
