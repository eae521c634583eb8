"""A generated service: its suite, the tests of the kit in it, and what it runs on."""
