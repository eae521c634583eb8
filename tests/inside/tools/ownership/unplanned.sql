-- One statement a line. PostgreSQL makes no plan of them, and they may read or change anything.
do $$ begin delete from branches; end $$
DO 'begin end'
/* all */ truncate branches
drop table branches
lock table branches
grant select on branches to public
refresh materialized view totals
create table copies as select id from branches
alter table branches add column more text
copy branches to stdout
copy branches from stdin
call purge()
vacuum branches
analyze branches
explain analyze delete from branches
reindex table branches
cluster branches
comment on table branches is 'a'
import foreign schema a from server b into c
begin
