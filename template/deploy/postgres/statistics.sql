-- kit: updated by the template
-- `service queries` reads it.
create extension pg_stat_statements;
