schema nothing.jsonl
