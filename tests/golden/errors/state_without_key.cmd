state get orders counts.count
