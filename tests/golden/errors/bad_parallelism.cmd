run ok.lua --parallelism none
