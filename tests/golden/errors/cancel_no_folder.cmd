cancel .tidemill/orders
