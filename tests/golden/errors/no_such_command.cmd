rnu ok.lua
