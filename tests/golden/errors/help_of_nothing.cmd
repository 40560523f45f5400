help me
