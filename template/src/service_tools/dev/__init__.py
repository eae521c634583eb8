# kit: updated by the template
"""The development server: its database, key, sample rows and processes. `commands` has `service
dev` and `token`.

`doctor` says what is wrong with a project. Its checks are in `checkout`, `template`, `differences`,
`packages` and `team_files`.
"""
