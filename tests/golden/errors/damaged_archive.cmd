run ok.lua --quiet --parallelism 1 --set input=cut.jsonl.gz
