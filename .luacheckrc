std = "luajit"
max_line_length = 120
exclude_files = { "build*", "lua/meta" }
files["tests/spec"] = { std = "+busted" }
