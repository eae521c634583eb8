# kit: updated by the template
"""SQL under contract.

`contract` checks each statement, `plans` asks for its plan, `commands` has `service plans`.
"""
