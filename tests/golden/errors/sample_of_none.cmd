schema empty.jsonl --sample none
