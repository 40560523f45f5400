run ok.lua --metrics 70000
