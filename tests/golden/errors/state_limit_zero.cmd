state scan orders counts --limit 0
