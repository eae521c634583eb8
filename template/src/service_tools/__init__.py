# kit: updated by the template
"""Tools for development: no wheel or image has them.

`dev` runs the service, `scaffold` adds slices, `sql` checks statements, `perf` measures. The kit
does not import them: `kit/commands/development.py` loads their commands by name, when called.
"""
