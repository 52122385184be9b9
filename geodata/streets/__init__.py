"""The street graph: its arrays, how long streets take, what may follow what, and where a place lies on it."""
