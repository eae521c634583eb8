# kit: updated by the template; extend it from app.py
"""What each constraint of a new table means to a client."""

from service_tools.scaffold import migration, source
from service_tools.scaffold.resource import Resource


def list_all(resource: Resource) -> list[str]:
    """Return the entries of CONSTRAINTS: what each constraint means to a client."""
    problems = []
    pairs = {f"{resource.plural}_{field.name}_check": field for field in resource.fields if len(field.columns) > 1}
    for name, rule in migration.list_constraints(resource):
        if name in pairs:
            minor, currency = pairs[name].columns
            problem = ["invalid", f'"{minor.name}"', f'"an amount and {currency.name} belong together"']
        elif rule.startswith("unique"):
            column = name.removeprefix(f"{resource.plural}_").removesuffix("_key")
            problem = ["conflict", f'"{column}"', f'"another {resource.one} has it"']
        else:
            column = name.removeprefix(f"{resource.plural}_").removesuffix("_check")
            problem = ["invalid", f'"{column}"', f'"{explain(rule)}"']
        problems.append(source.wrap(f'"{name}": partial(', problem, ")", indent="    ", room=1).lstrip())
    return problems


def explain(rule: str) -> str:
    """Return what the rule of a column means."""
    if "~" in rule:
        return "it must be three capital letters"
    return "it must not be negative" if ">=" in rule else "it must be one of the known values"
