"""One file a page: read widgets, one compute call, draw."""
