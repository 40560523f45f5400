stop orders --drian
