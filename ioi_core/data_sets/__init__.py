"""Data sets that people bring: rows of a file, and the pairs made of them."""
