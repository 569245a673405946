"""What keeps the project in order: checks, locks, and new components."""
