"""What reaches the server: how many connections, for how long, and to what."""
