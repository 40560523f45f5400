ok.lua
