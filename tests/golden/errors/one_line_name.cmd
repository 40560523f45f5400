check -e 'tm.from(tm.lines()):key_by("lien"):count()'
