run ok.lua --set inptu=in.jsonl
