run ok.lua --deny-warnings
