checkpoint sho .tidemill/orders
