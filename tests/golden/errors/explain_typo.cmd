explain TM0370
