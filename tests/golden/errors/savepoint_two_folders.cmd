savepoint orders a b
