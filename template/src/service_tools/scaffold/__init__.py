# kit: updated by the template
"""New slices: `commands` has `service new`, `fields` and `resource` read what is wanted, `render`
makes its files.
"""
