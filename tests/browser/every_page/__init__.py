"""What holds on every page alike: for fingers, for screen readers and keyboards, for the history of a browser."""
