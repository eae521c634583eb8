"""What the tests stand on: commands, the template's repository, its releases and its renders."""
