new ../errors
