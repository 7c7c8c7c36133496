"""The Attention patterns page."""
