"""What one process of the app takes: memory, processor time, disk, and the first visitor's waits."""
