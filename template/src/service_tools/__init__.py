# kit: updated by the template
"""Tools for development, in no wheel: `dev` runs the service, `scaffold` adds slices, `sql` checks,
`perf` measures.

The kit never imports them; its command line loads the `commands` of each by name, when they are
called.
"""
