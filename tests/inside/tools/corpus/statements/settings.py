"""What `perf/budgets.toml` names."""

from inside.tools.corpus.case import Setting

BUDGETS = {"budgets"}

CASES = [
    Setting("unknown_table", "[rows]\norderz = 5_000_000\n", BUDGETS),
    Setting("table_that_was_renamed", "[rows]\norders = 5_000_000\ninvoices = 1_000\n", BUDGETS),
    Setting("plural", "[rows]\nevent = 300_000_000\n", BUDGETS),
    Setting("index_for_a_table", "[rows]\norders_pkey = 5_000_000\n", BUDGETS),
    Setting("unknown_table_of_accounts", '[accounts]\nsitez = "owner"\n', BUDGETS),
    Setting("unknown_column_of_accounts", '[accounts]\nsites = "owner_id"\n', BUDGETS),
    Setting("unknown_table_that_belongs_to_nobody", '[accounts]\ntransferz = ""\n', BUDGETS),
    Setting("unknown_index", '[unused_indexes]\norders_open_index = "an export uses it"\n', BUDGETS),
    Setting("table_for_an_index", '[unused_indexes]\norders = "an export uses it"\n', BUDGETS),
    Setting("unknown_part", "[sizes]\norders = 5_000_000\n", BUDGETS),
    Setting("rows_as_text", '[rows]\norders = "many"\n', BUDGETS),
    Setting("no_toml", "[rows]\norders = 5 million\n", BUDGETS),
    Setting("largest_account_of_what_has_none", "[largest_account]\nproduct_categories = 50\n", BUDGETS),
    Setting("empty", ""),
    Setting("table", "[rows]\norders = 5_000_000\n"),
    Setting("small_table", "[rows]\ncategories = 10\n"),
    Setting("partitioned_table", "[rows]\nevents = 300_000_000\n"),
    Setting("partition", "[rows]\nevents_2026 = 300_000_000\n"),
    Setting("materialized_view", "[rows]\ndaily_sales = 2_000_000\n"),
    Setting("table_of_another_schema", "[rows]\npayments = 20_000_000\n"),
    Setting("quoted_table", '[rows]\n"Wish Lists" = 20_000_000\n'),
    Setting("account_column", '[accounts]\nsites = "owner"\nrooms = "tenant"\n'),
    Setting("table_that_belongs_to_nobody", '[accounts]\ntransfers = ""\n'),
    Setting("largest_account", "[largest_account]\norders = 5_000\n"),
    Setting("unused_index", '[unused_indexes]\norders_open_idx = "an export uses it"\n'),
]
