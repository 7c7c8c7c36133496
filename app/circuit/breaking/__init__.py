"""Break it: switch heads of a circuit off and on."""
