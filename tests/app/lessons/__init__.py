"""Lessons: keys, files, answers, and the page."""
