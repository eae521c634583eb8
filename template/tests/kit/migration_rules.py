# kit: updated by the template
"""The rules of the migration lint as data: what a statement looks like, and what to write instead."""

import re

INDEX = "In a file of its own, with `-- migrate: without a transaction` as its first line: "
LATER = "Release code that does without it; once no running release needs it, state that as the reason of an ignore."
VALIDATE = "`add constraint … not valid` in this file, and `validate constraint …` in the next one."
KEY = f"{INDEX}`create unique index concurrently if not exists …`; in the next file `add constraint … using index …`."
FILL = "Add it without, give new rows theirs by `alter column … set default …`, and fill the old ones in batches."

USED_BY_OTHERS = """
ban-drop-column ban-drop-domain ban-drop-extension ban-drop-function ban-drop-generated-expression ban-drop-policy
ban-drop-schema ban-drop-sequence ban-drop-table ban-drop-trigger ban-drop-type ban-drop-view ban-set-schema
renaming-object
"""
EXPLAINED = "ban-drop-database ban-truncate-cascade ban-uncommitted-transaction prefer-timestamp-tz syntax-error"

ADVICE = {
    **dict.fromkeys(USED_BY_OTHERS.split(), LATER),
    **dict.fromkeys(EXPLAINED.split(), ""),
    "adding-field-with-default": f"{FILL} From PostgreSQL 18 on, `generated … virtual` is no rewrite: ignore it there.",
    "adding-foreign-key-constraint": VALIDATE,
    "adding-not-nullable-field": "`add constraint … check (<column> is not null) not valid` in this file, `validate "
    "constraint …` in the next one; behind that, this statement reads no row: ignore it there with that reason.",
    "adding-required-field": "Give it a constant default; or add it nullable, fill it, and require it afterwards.",
    "adding-serial-primary-key-field": KEY,
    "ban-alter-domain-with-add-constraint": VALIDATE,
    "ban-char-field": "It pads with blanks, which `=` ignores and `like` does not. Use text with a check.",
    "ban-concurrent-index-creation-in-transaction": f"{INDEX}this statement alone.",
    "ban-drop-constraint": f"Add the one that takes its place first. {LATER}",
    "ban-drop-default": f"A running release may leave the column to its default. {LATER}",
    "ban-drop-not-null": "Release code that copes with null first, and state that as the reason of an ignore.",
    "changing-column-type": "Add a column of the new type, write both, fill it in batches, read it, drop the old one. "
    "A change that rewrites nothing, like varchar to text: ignore with that reason.",
    "constraint-missing-not-valid": f"{VALIDATE} `exclude` cannot be added so: create it with its table.",
    "disallowed-unique-constraint": KEY,
    "identifier-too-long": "Shorten it.",
    "renaming-column": f"Add a column of the new name, write both, and drop the old one later. {LATER}",
    "renaming-table": f"Or rename it and leave a view of the old name, in one file. {LATER}",
    "require-concurrent-index-creation": f"{INDEX}`create index concurrently if not exists …`.",
    "require-concurrent-index-deletion": f"{INDEX}`drop index concurrently if exists …`.",
    "require-concurrent-partition-detach": f"{INDEX}`alter table … detach partition … concurrently`.",
    "require-concurrent-reindex": f"{INDEX}`reindex index concurrently …`.",
    "transaction-nesting": "Take it out: `service migrate` runs each file in a transaction.",
    "unused-ignore": "Write the name of the rule as it stands in the finding.",
    # Those of our own:
    "ban-attach-partition": "It reads the partition, and the default one, while nobody gets in. Give it a check of its "
    f"bounds first, and the default one a check that excludes them: {VALIDATE} Then ignore this with that reason.",
    "ban-copied-table": "It has no key, constraint or default. Create it with its columns, and fill it in batches.",
    "ban-disable-trigger": "Meanwhile nothing holds what it enforces, foreign keys included. Leave it enabled.",
    "ban-dynamic-sql": "Nobody can check what it runs. Write the statements out.",
    "ban-float": "It rounds: 0.1 + 0.2 is not 0.3. Use numeric, or bigint in the smallest unit. For a measurement, "
    "ignore this with that reason.",
    "ban-lock-table": "It stops the table's traffic until the file is done. Leave locks to the statements.",
    "ban-mass-change": "Each changed row stays locked until the file is done. Change rows in batches, by a script. "
    "Where they are few, ignore this with that reason.",
    "ban-mass-insert": "It copies rows without those that are written meanwhile. Write both tables by a trigger, and "
    "copy in batches, by a script. Where rows are few and stay as they are, ignore this with that reason.",
    "ban-money": "Its decimals depend on the server's lc_monetary. Use bigint in minor units, and a currency column.",
    "ban-replica-identity": "Where the table is published, `nothing` fails updates and deletes, and `full` scans it "
    "for each. Use `replica identity using index …`, or `default`. If it needs no key, ignore this with that reason.",
    "ban-rewrite": "It lets nobody in while the table is copied. Use pg_repack, with `--tablespace` to move it. To "
    "move an index: `reindex (tablespace …) index concurrently …`, in a file of its own.",
    "ban-row-level-security": "Running releases find no rows any more, or everybody's. Create policies that let them "
    "through before this, and state that as the reason of an ignore.",
    "ban-rule": "It rewrites running releases' statements, and fails `returning`, `on conflict`. Write a trigger.",
    "ban-serial-column": f"It lets nobody in while every row gets a number. {FILL}",
    "ban-set-expression": f"It lets nobody in while every row is computed again. Add a column for it. {FILL}",
    "ban-set-unlogged": "It lets nobody in during the copy. Unlogged, it is empty after a crash. Create a new one.",
    "ban-trigger": "It runs within each write of running releases, and fails those where it raises. Try their "
    "statements with it, and state that as the reason of an ignore.",
    "ban-truncate": "It deletes every row and lets nobody in meanwhile. Delete in batches.",
    "ban-validated-column": f"It reads every row, and lets nobody in meanwhile. Add the column without it; {VALIDATE}",
    "require-concurrent-refresh": "Nobody can read it. `refresh materialized view concurrently` needs a unique index.",
}
"""The rules that count, with what to write instead where squawk's own help is not enough. New rules of squawk are left
out until they are reviewed: a new version must not turn a suite red."""

NAME = r"[\w.\"]+"
CTE = r"(?:with\b[^;]*?\b)?"
CREATE_TABLE = r"create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?"
ALTER = rf"alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(?P<table>{NAME})[^;]*?\b"
MOVE = r"alter\s+(?:table|index|materialized\s+view)\b[^;]*?\bset\s+(?:tablespace|access\s+method)\b"
ADD_COLUMN = rf"{ALTER}add\s+(?:column\s+)?(?:if\s+not\s+exists\s+)?(?!constraint\b)[\w\"]+\s+"

STATEMENTS = {
    "ban-attach-partition": rf"{ALTER}attach\s+partition\s+(?P<new>{NAME})",
    "ban-copied-table": rf"{CREATE_TABLE}{NAME}\s*(?:(?:with\s*)?\([^()]*\)\s*)*as\b",
    "ban-disable-trigger": rf"{ALTER}disable\s+(?:trigger|rule)\b",
    "ban-dynamic-sql": r"do\b\s*(?:language\s+\w+\s*)?(?P<tag>\$\w*\$)(?:(?!(?P=tag)).)*?\bexecute\b",
    "ban-lock-table": r"lock\b",
    "ban-mass-change": rf"{CTE}(?:update\s+(?:only\s+)?{NAME}(?:\s+(?:as\s+)?\w+)?\s+set|delete\s+from|merge\s+into)\b",
    "ban-mass-insert": rf"{CTE}insert\s+into\s+{NAME}\s*(?:as\s+\w+\s*)?(?:\([^()]*\)\s*)?"
    r"(?:overriding\s+\w+\s+value\s+)?\(?(?:table\b|(?:select|with)\b[^;]*?(?<!distinct)\s(?:from|join)\s+(?:only\s+)?"
    rf"(?!{NAME}\s*\()(?!lateral\b)[a-z_\"])",
    "ban-replica-identity": rf"{ALTER}replica\s+identity\s+(?:full|nothing)\b",
    "ban-rewrite": rf"(?:(?:vacuum\s*\(?\s*full|cluster)\b|{MOVE})",
    "ban-row-level-security": rf"{ALTER}(?:enable|disable|force)\s+row\s+level\s+security\b",
    "ban-rule": r"create\s+(?:or\s+replace\s+)?rule\b",
    "ban-serial-column": rf"{ADD_COLUMN}(?:small|big)?serial\d?\b",
    "ban-set-expression": rf"{ALTER}set\s+expression\b",
    "ban-set-unlogged": rf"{ALTER}set\s+(?:un)?logged\b",
    "ban-trigger": rf"create\s+(?:or\s+replace\s+)?(?:\w+\s+)?trigger\b[^;]*?\son\s+(?P<table>{NAME})",
    "ban-truncate": r"truncate\b",
    "ban-validated-column": rf"{ADD_COLUMN}(?:\([^()]*\)|[^;,()])*?\bcheck\s*\(",
    "require-concurrent-refresh": r"refresh\s+materialized\s+view\s+(?!concurrently\b)",
}
"""How the statements begin that squawk lacks rules for. What changes a `table` is fine where the file itself creates
that, and so is a `new` one."""

COLUMNS = {"ban-float": r"real|float[48]?|double\s+precision", "ban-money": "money"}
"""Types of columns that squawk allows."""

HAS_COLUMNS = r"(?:create\s+(?:unlogged\s+)?table|alter\s+table|create\s+(?:type|domain))\b[^;]*"
COLUMN = rf"(?:(?:[(,]|\b(?:add|column|exists))\s*(?:[a-z_]\w*|\"[^\"]+\")|\btype|\bdomain\s+{NAME}(?:\s+as)?)\s+"

FLAGS = re.IGNORECASE | re.DOTALL
UNREAD = (
    re.compile(r"--[^\n]*|/\*.*?\*/|\bdo\s+(?P<block>'(?:[^']|'')*')|'(?:[^']|'')*'", FLAGS),
    re.compile(
        r"\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\b[^;]*?"
        r"(?:(?P<tag>\$\w*\$).*?(?P=tag)|begin\s+atomic\b.*?\bend\b)",
        FLAGS,
    ),
    re.compile(r"\bexists\s*\([^()]*\)", FLAGS),
)
"""What the rules do not read: comments, texts, what a function will do later, and conditions. A text that `do` runs is
no such text."""
