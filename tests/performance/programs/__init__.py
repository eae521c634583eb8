"""The programs that compare.py measures beside the generated service, and the database that all of them read."""
