"""Vehicle terminals of the Chinese transport standard JT/T 808 (2013 and 2019) over TCP."""
