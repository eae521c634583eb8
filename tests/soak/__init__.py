"""The soak: a service in production mode, under load and faults for as long as one likes. See docs/soak.md."""
