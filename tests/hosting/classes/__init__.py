"""Many visitors at once: a class on a page, and a live class on phones."""
