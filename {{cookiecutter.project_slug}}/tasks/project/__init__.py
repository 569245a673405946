"""What the project is: its settings, its components and their images, its pipeline and that one's parameters."""
