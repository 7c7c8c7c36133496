"""The report: figures of several views that a visitor has pinned, as one page and one file."""
