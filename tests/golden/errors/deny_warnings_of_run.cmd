check ok.lua --deny-warning
