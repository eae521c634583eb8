"""What `service doctor` finds."""
