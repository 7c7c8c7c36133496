"""How a sweep over many prompts grows with them, in time and in memory, and what a second process gains."""
