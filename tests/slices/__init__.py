"""What a team does with slices: adds one, adds a field, deletes one."""
