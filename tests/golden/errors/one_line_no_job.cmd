run -e 'print(1)'
