schema nosuch
