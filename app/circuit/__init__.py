"""The Circuit page: one room for each of its four parts, and what they share."""
