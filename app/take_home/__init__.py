"""What leaves the browser: the record of a figure, and all that is made of it."""
