std = "luajit"
max_line_length = 140
exclude_files = { "build*", "lua/meta" }
ignore = { "581" } -- `not (a > b)` is not `a <= b` where a value may be NaN or compares by rules of its own
files["tests/spec/library/cases"] = { max_line_length = false } -- made by make_cases.py
files["jobs/*_spec.lua"] = { std = "+busted" }
files["tests/functional/kit"] = { std = "+busted", max_line_length = false }
files["tests/spec"] = { std = "+busted" }
files["tests/functional/cases"] = { std = "+busted" }
