# kit: updated by the template
"""The development server: its database, key, sample rows and processes. `commands` has `service dev` and `token`.

`doctor` finds what is wrong with a checkout.
"""
