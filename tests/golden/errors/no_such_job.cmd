run wordcuont.lua
