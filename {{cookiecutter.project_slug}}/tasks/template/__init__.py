"""A newer template for a project that exists, and where a project comes from."""
