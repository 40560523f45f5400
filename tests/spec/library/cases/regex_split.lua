-- tm.re: split, written by make_cases.py from Python's results.
return function(case, miss) -- luacheck: ignore miss
  case("split", { "a", "b", "c" }, "\\d+", "a1b22c")
  case("split", { "", "a", "", "b", "" }, ",", ",a,,b,")
  case("split", { "" }, ",", "")
  case("split", { "abc" }, "x", "abc")
  case("split", { "a", "b", "c" }, "\\s*,\\s*", "a, b ,c")
end
