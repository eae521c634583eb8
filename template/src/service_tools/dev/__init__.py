# kit: updated by the template
"""The development server, with its database, key and sample rows, and the doctor.

`commands` has `service dev` and `service token`. `doctor` has `service doctor`; its checks are in
`template`, `differences`, `packages`, `checkout`, `team_files` and `environment`. `renames` is a
command of its own: it writes the kit's new names into the team's files.
"""
