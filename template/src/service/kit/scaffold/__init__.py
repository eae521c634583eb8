# kit: updated by the template; extend it from app.py
"""`service new`: what a slice is called and consists of, and the text of its files."""
