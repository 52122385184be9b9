"""What is around a place and who could be there: elements, times, coverage, pursuit, what if."""
