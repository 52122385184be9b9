"""Searches on the street graph and what is asked of them: rings, times, nearest units, coverage, pursuit, standby."""
