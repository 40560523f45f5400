run ok.lua --set input=nothing.jsonl
