"""What is measured at several sizes, each in a module of its own."""
