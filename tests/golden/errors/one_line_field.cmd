run -e 'tm.from(tm.file { path = "in.jsonl", schema = { user_id = "string" } }):filter(function(e) return e.usr_id end)'
