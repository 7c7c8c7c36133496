"""What a head is: its copying, the role it measures as, the class that it was published in."""
