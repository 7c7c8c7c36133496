"""Lessons: predict, then see."""
