list orders
