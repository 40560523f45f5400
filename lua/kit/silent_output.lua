-- What `tidemill test --seeds N` prints of a seed that passes: nothing.
return function() return require "busted.outputHandlers.base"() end
