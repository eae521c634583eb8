-- One statement a line. Each takes rows of an account that it does not ask for.
select id, name from branches order by id desc limit 20
select id from branches where id = $1::uuid
select id from branches where id = any($1::uuid[])
select id from branches where id in ($1::uuid, $2)
select count(*) from branches
select max(name) from branches where account <> $1
select id from branches where account = $1 or name = $2
select id from branches where account = $1 or $2
select id from branches where $1::text is null or account = $1
select id from branches where account = coalesce($1, account)
select id from branches where not (account = $1)
select id from branches where (account = $1) is not true
select id from branches where account ~ $1
select id from branches where account like $1
select id from branches where account >= $1 and account < $2
select id from branches where account <> all($1::text[])
select id from branches where (account, id) < ($1, $2::uuid)
select id from branches where account = account
select id from branches where account = name
select id from branches where case when $1 then account = $2 else true end
select id from branches where length(account) = $1
select id from branches where (account is json) = $1
select id from branches where account::boolean = $1
delete from branches where id = any($1::uuid[])
delete from branches where id = $1::uuid returning id
delete from branches b using lines l where l.branch_id = b.id and l.account = $1
update branches set name = $2 where id = $1::uuid
update branches set account = $1 where id = $2::uuid
update lines l set amount = 1 from branches b where b.id = l.branch_id and b.account = $1
insert into branches (id, account, name) values ($1, $2, $3) on conflict (id) do update set name = excluded.name
insert into branches (id, account, name) values ($1, $2, $3) on conflict (id) do update set account = excluded.account
insert into branches (id, account, name) values ($1, $2, $3) on conflict (id) do update set name = $3 where excluded.account = $2
insert into branches (id, account, name) values ($1, $2, $3) on conflict on constraint branches_pkey do update set name = $3
insert into branches (account, name) select $1, name from branches where id = $2::uuid
insert into branches (account, name) select account, name from branches on conflict (account, name) do update set name = 'x'
insert into colours (id, name) select id, name from branches
select b.name from branches b join lines l on l.branch_id = b.id where l.account = $1
select b.name from branches b join lines l on l.branch_id = b.id where b.account = $1
select b.name from branches b left join lines l on l.branch_id = b.id and l.account = $1
select b.name from branches b left join lines l on l.branch_id = b.id and b.account = $1 where l.account = $1 or l.id is null
select b.name from branches b full join lines l on l.branch_id = b.id and b.account = $1 and l.account = $1
select b.name from branches b full join lines l on l.branch_id = b.id and l.account = $1 where b.account = $1
select name from branches where account = $1 union all select name from branches where id = $2::uuid
select name from branches where account = $1 union all (select name from branches order by id limit 1)
select name from branches where account = $1 except select name from branches where id = $2::uuid
with mine as (select id from branches where id = $1::uuid) select id from mine
with gone as (delete from branches where id = $1::uuid returning id) select count(*) from gone
with gone as (delete from branches where account = $1 returning id) delete from lines using gone where branch_id = gone.id
with recursive below as (select id from branches where id = $1::uuid and account = $2 union all select b.id from branches b join below on b.parent_id = below.id) select id from below
with recursive below as (select id, account from branches where id = $1::uuid union all select b.id, b.account from branches b join below on b.account = below.account) select id from below
with recursive below as (select id, account from branches where account = $1 union all select b.id, b.name from branches b join below on b.account = below.account) select id from below
select (select name from branches where id = $1::uuid)
select id from colours where exists (select from branches b where b.name = colours.name)
select id from colours where name in (select name from branches)
select id from colours where name = (select name from branches where id = $1::uuid)
select id from branches where account = $1 and exists (select from lines l where l.branch_id = branches.id)
select id from branches where id in (select id from branches where name = $1)
select id from branches where id in (select branch_id from lines where account = $1)
select id from branches where id in (select parent_id from branches where account = $1)
select id from branches where name in (select name from branches where account = $1)
select id from branches where id = any(array(select id from branches where name = $1))
select id from branches where account in (select account from lines where id = $1::uuid)
select id from branches where account = (select account from branches where id = $1::uuid)
select id from branches where (account, name) in (select name, account from branches where account = $1)
select name from (select name, account from branches order by id limit 20) as part where account = $1
select name from (select name, count(*) over () as account from branches) as part where account = $1::bigint
select total from (select sum(amount) as total, max(account) as account from lines) as part where account = $1
select total from (select sum(amount) as total, account from lines group by rollup (account)) as part where account = $1
select name from (select distinct on (name) name, account from branches order by name) as part where account = $1
select name from (select name, account from branches for update) as part where account = $1
select name from (select name, account as other, 'a' as account from branches) as part where account = $1
select name from (select name, account from branches union all select name, id::text from branches) as part where account = $1
select l.amount from colours c, lateral (select amount from lines where account = c.name) as l
select l.amount from branches b, lateral (select amount from lines where branch_id = b.id) as l where b.account = $1
select name from open_branches where id = $1::uuid
select name from branch_names limit 1
select name from named where id = $1::uuid
update open_branches set name = $2 where id = $1::uuid
merge into branches b using (values ($1::uuid, $2::text)) v (id, name) on b.id = v.id when matched then update set name = v.name
merge into branches b using (values ($1::uuid)) v (id) on b.id = v.id and b.account = $2 when not matched by source then delete
merge into branches b using lines l on b.id = l.branch_id and b.account = $1 when matched then delete
merge into branches b using lines l on b.id = l.branch_id and b.account = $1 and l.account = $1 when not matched then insert (account, name) values ($1, l.id::text)
insert into open_branches (id, account, name) values ($1, $2, $3) on conflict (id) do update set name = 'x'
select id from branches where account = (array[$1, account])[2]
select id from branches where account = (select $1 from branches limit 1)
select id from branches tablesample system (1)
select remove_branch($1::uuid)
select id from colours where id = $1::uuid and empty_branches() > 0
select amount from empty_branches() as amount
select query_to_xml($1, true, true, '')
select id from sites where id = $1::uuid
select b.name from branches a join branches b on a.name = b.name where a.account = $1
select b.name from branches a join branches b on a.id = b.parent_id where a.account = $1
select id from branches where account = $1 and id = $2::uuid or true
select id from branches where account = $1 or exists (select from branches b where b.account = $1)
select a.name from branches a join branches b on a.id = b.id
with recursive c as (select id, account from branches where account = $1 union select c.id, b.account from c join branches b on b.id = c.id) select * from c join lines using (account)
insert into branches (id, account, name) values ($1, default, 'a') on conflict (account, name) do update set name = 'b'
insert into branches (account, name) values ($1, 'a'), ((select name from colours limit 1), 'b') on conflict (account, name) do update set name = 'c'
select id from branches where (account = $1) is not false
select id from branches where account = any(array[$1, name])
select id from branches where account = any(array(select account from lines))
select name from (select * from branches limit 1) as part where account = $1
select id from branches where account = (with w as (select account from lines) select account from w limit 1)
update branches set account = name where account = $1 and id in (select branch_id from lines)
with u as (update branches set account = name where account = $1 returning account) select l.id from lines l join u using (account)
select c.id from colours c left join branches b on b.id = c.id and c.name = $1
select name from branches where account = $1 intersect select name from branches
values ((select name from branches limit 1))
select id from branches order by (account = $1) desc limit 1
select count(*) filter (where account = $1) from branches
select id from branches group by id, account having bool_or(account = $1)
select t0.name from branches t0, branches t1, branches t2, branches t3, branches t4, branches t5, branches t6 where t0.account = t1.account and t0.account = t2.account and t0.account = t3.account and t0.account = t4.account and t0.account = t5.account and t0.account = t6.account and t1.account = t2.account and t1.account = t3.account and t1.account = t4.account and t1.account = t5.account and t1.account = t6.account and t2.account = t3.account and t2.account = t4.account and t2.account = t5.account and t2.account = t6.account and t3.account = t4.account and t3.account = t5.account and t3.account = t6.account and t4.account = t5.account and t4.account = t6.account and t5.account = t6.account and t0.id = t1.id and t0.id = t2.id and t0.id = t3.id and t0.id = t4.id and t0.id = t5.id and t0.id = t6.id and t1.id = t2.id and t1.id = t3.id and t1.id = t4.id and t1.id = t5.id and t1.id = t6.id and t2.id = t3.id and t2.id = t4.id and t2.id = t5.id and t2.id = t6.id and t3.id = t4.id and t3.id = t5.id and t3.id = t6.id and t4.id = t5.id and t4.id = t6.id and t5.id = t6.id
