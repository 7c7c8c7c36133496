"""Lessons: a question first, then the answer that this model gives; alone or in a class."""
