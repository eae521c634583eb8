"""What the template asks and renders."""
