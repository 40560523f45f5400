new 9lives
