schema in.jsonl --format jsn
