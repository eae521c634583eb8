# kit: updated by the template
"""The description of the API: printed for clients, and compared with that of another commit.

`commands.py` has `service openapi`; `changes.py` says which changes break clients.
"""
