run unknown_feild.lua
