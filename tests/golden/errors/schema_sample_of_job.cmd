schema ok.lua --format csv
