"""A view inside a page of somebody else: the frame to copy, and what the view leaves out there."""
