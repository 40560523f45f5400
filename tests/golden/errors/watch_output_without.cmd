run ok.lua --watch-output
