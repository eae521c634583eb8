# kit: updated by the template
"""New slices.

`commands` has `service new`; `fields` and `resource` read its arguments; `project` plans the files,
and `render` renders them; `registry` adds the slice to app.py.
"""
