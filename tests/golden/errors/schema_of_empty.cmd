schema empty.jsonl
