run ok.lua --paralelism 2
