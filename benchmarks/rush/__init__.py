"""More visitors than the server may open files for."""
