run ok.lua --set input
