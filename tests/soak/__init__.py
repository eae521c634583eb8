"""The soak: a service in production mode, under load and faults. See docs/contributing/soak.md."""
