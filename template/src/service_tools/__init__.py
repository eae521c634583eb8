# kit: updated by the template
"""Tools for development, in no wheel.

`dev` runs the service, `scaffold` adds slices, `sql` checks statements, `perf` measures. The kit
does not import them: `kit/commands/development.py` loads their commands by name, when called.
"""
