# kit: updated by the template
"""The rules that a migration is checked by: those which protect traffic or data, with what to write instead."""

INDEX = "In a file of its own, with `-- migrate: without a transaction` as its first line: "
LATER = "Release code that does without it; once no running release needs it, state that as the reason of an ignore."
VALIDATE = "`add constraint … not valid` in this file, and `validate constraint …` in the next one."
UNIQUE = (
    f"{INDEX}`create unique index concurrently if not exists …`; in the next file `add constraint … using index …`."
)
FILL = "Add it without, give new rows theirs by `alter column … set default …`, and fill the old ones in batches."

ADVICE = {
    "adding-field-with-default": f"{FILL} Or let it be `generated always as (…) virtual`, which is no rewrite: ignore.",
    "adding-foreign-key-constraint": VALIDATE,
    "adding-not-nullable-field": "`add constraint … not null <column> not valid` here; `validate constraint …` next.",
    "adding-required-field": "Give it a constant default; or add it nullable, fill it, and require it afterwards.",
    "adding-serial-primary-key-field": UNIQUE,
    "ban-alter-domain-with-add-constraint": VALIDATE,
    "ban-concurrent-index-creation-in-transaction": f"{INDEX}this statement alone.",
    "ban-drop-column": LATER,
    "ban-drop-constraint": f"Add the one that takes its place first. {LATER}",
    "ban-drop-database": "",
    "ban-drop-domain": LATER,
    "ban-drop-extension": LATER,
    "ban-drop-function": LATER,
    "ban-drop-generated-expression": LATER,
    "ban-drop-not-null": "Release code that copes with null first, and state that as the reason of an ignore.",
    "ban-drop-policy": LATER,
    "ban-drop-schema": LATER,
    "ban-drop-sequence": LATER,
    "ban-drop-table": LATER,
    "ban-drop-trigger": LATER,
    "ban-drop-type": LATER,
    "ban-drop-view": LATER,
    "ban-set-schema": LATER,
    "ban-truncate-cascade": "",
    "ban-uncommitted-transaction": "",
    "changing-column-type": "Add a column of the new type, write both, fill it in batches, read it, drop the old one. "
    "A change that rewrites nothing, like varchar to text: ignore with that reason.",
    "constraint-missing-not-valid": f"{VALIDATE} `exclude` cannot be added so: create it with its table.",
    "disallowed-unique-constraint": UNIQUE,
    "identifier-too-long": "Shorten it.",
    "prefer-timestamp-tz": "",
    "renaming-column": f"Add a column of the new name, write both, and drop the old one later. {LATER}",
    "renaming-object": LATER,
    "renaming-table": f"Or rename it and leave a view of the old name, in one file. {LATER}",
    "require-concurrent-index-creation": f"{INDEX}`create index concurrently if not exists …`.",
    "require-concurrent-index-deletion": f"{INDEX}`drop index concurrently if exists …`.",
    "require-concurrent-partition-detach": f"{INDEX}`alter table … detach partition … concurrently`.",
    "require-concurrent-reindex": f"{INDEX}`reindex index concurrently …`.",
    "syntax-error": "",
    "transaction-nesting": "Take it out: `service migrate` runs each file in a transaction.",
    "unused-ignore": "Write the name of the rule as it stands in the finding.",
}
"""The rules that count, with what to write instead where squawk's own help is not enough. Rules of later versions of
squawk wait until somebody has judged them: a new version must not turn a suite red."""

OURS = {
    "ban-truncate": (r"truncate\b", "It deletes every row and lets nobody in meanwhile. Delete in batches."),
    "ban-lock-table": (
        r"lock\b",
        "It stops the table's traffic until the file is done. Leave locks to the statements.",
    ),
    "ban-rewrite": (
        r"(?:vacuum\s*\(?\s*full|cluster)\b",
        "It lets nobody in while the table is copied. Use pg_repack.",
    ),
    "require-concurrent-refresh": (
        r"refresh\s+materialized\s+view\s+(?!concurrently\b)",
        "Nobody can read it meanwhile. `refresh materialized view concurrently`, which needs a unique index.",
    ),
}
"""What squawk does not know: how a statement begins, and what is to be said of it."""
