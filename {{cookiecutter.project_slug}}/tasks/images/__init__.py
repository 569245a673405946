"""Images and the Docker engine: built where they are missing, pushed where a registry lacks them, and freed again."""
