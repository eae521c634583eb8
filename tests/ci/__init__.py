"""CI: the files of a service and of the template, and the weekly update."""
