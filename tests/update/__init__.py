"""Updates, releases, and what both keep."""
