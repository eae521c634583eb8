"""What runs in a rendered service during a soak: the site, its clients, the faults, and what is judged at the end."""
