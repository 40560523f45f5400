schema rename_in_sink.lua --format csv
