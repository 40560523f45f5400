explain out of memory
