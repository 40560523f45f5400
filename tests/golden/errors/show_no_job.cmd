show orders
