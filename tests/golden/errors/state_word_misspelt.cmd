state gett orders
