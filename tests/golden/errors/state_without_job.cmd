state get
