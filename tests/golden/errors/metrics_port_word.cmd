run ok.lua --metrics prometheus
