-- One statement a line. Each asks for the account wherever rows belong to one.
select id, name from branches where account = $1 order by id desc limit 20
select id from branches where $1 = account and id = $2::uuid
select id from branches where id = any($1::uuid[]) and account = $2
select id from branches where id in ($1::uuid, $2) and account = $3
select count(*) from branches where account = $1
select id from branches where account = 'development'
select id from branches where account = lower($1)
select id from branches where account = $1::uuid::text
select id from branches where account::uuid = $1
select id from branches where account = current_setting('app.account', true)
select id from branches where account = any($1::text[])
select id from branches where account in ($1, $2)
select id from branches where (account, id) = ($1, $2::uuid)
select id from branches where (account, id) in (($1, $2::uuid), ($1, $3::uuid))
select id from branches where account is not distinct from $1
select id from branches where (account = $1 and name = $2) or (name = $3 and account = $1)
select id from branches where account = $1 and (id, name) > ($2::uuid, $3)
select account from branches where account = $1 group by account having count(*) > 1
delete from branches where id = any($1::uuid[]) and account = $2
delete from branches where id in (select id from branches where account = $1 order by id limit 1000)
delete from branches where id = any(array(select id from branches where account = $1 limit 10))
delete from branches b using lines l where l.branch_id = b.id and l.account = b.account and b.account = $1
update branches set name = $3 where id = $1::uuid and account = $2
update branches set name = 'x' from (select id from branches where account = $1 for update skip locked) as m where m.id = branches.id
update lines l set amount = 1 from branches b where b.id = l.branch_id and b.account = $1 and l.account = $1
insert into branches (account, name) values ($1, $2) returning id
insert into branches (account, name) values ($1, $2) on conflict do nothing
insert into branches (id, account, name) values ($1, $2, $3) on conflict (id) do nothing
insert into branches (account, name) values ($1, $2) on conflict (account, name) do update set name = excluded.name
insert into branches (account, name) values ($1, $2) on conflict on constraint branches_name_key do update set name = $2
insert into branches (account, name) values ($1, 'a'), ($1, 'b') on conflict (account, name) do update set name = 'c'
insert into branches (account, name) select $1, unnest($2::text[]) on conflict (account, name) do update set name = 'c'
insert into branches (id, account, name) values ($1, $2, $3) on conflict (id) do update set name = $3 where branches.account = excluded.account
insert into branches (id, account, name) values ($1, $2, $3) on conflict (id) do update set name = $3 where branches.account = $2
insert into branches (account, name) select $1, name from branches where id = $2::uuid and account = $1
select b.name from branches b join lines l on l.branch_id = b.id and l.account = b.account where b.account = $1
select b.name from branches b join lines l using (account) where account = $1
select b.name from branches b natural join lines l where account = $1
select b.name from branches b left join lines l on l.branch_id = b.id and l.account = b.account where b.account = $1
select b.name from lines l right join branches b on l.branch_id = b.id and l.account = $1 where b.account = $1
select b.name from branches b full join lines l on l.branch_id = b.id where b.account = $1 and l.account = $1
select b.name from (branches b join lines l on l.account = b.account) left join colours c on c.name = b.name where l.account = $1
select c.name from colours c left join (branches b join lines l on l.account = b.account and b.account = $1) on b.name = c.name
select name from branches where account = $1 union all select name from branches where id = $2::uuid and account = $1
select name from (select name, account from branches union all select 'a', account from lines) as part where account = $1
select name from (select name, account from branches) as part where account = $1
select name from (select name, a as account from (select name, account as a from branches) as inner_) as part where account = $1
select total from (select sum(amount) as total, account from lines group by account) as part where account = $1
select name from (select distinct name, account from branches) as part where account = $1
with mine as (select id, account from branches where account = $1) select l.id from lines l join mine using (account)
with mine as (select id from branches where account = $1) select b.name from branches b join mine using (id)
with gone as (delete from branches where account = $1 returning id, account) delete from lines using gone where lines.account = gone.account
with sent as (select $1 as account) select b.id from branches b join sent using (account)
with recursive below as (select id, account from branches where id = $1::uuid and account = $2 union all select b.id, b.account from branches b join below on b.parent_id = below.id and b.account = below.account) select id from below
with recursive below as (select id from branches where id = $1::uuid and account = $2 union all select b.id from branches b join below on b.parent_id = below.id where b.account = $2) select id from below
select (select name from branches where id = $1::uuid and account = $2)
select (select count(*) from lines l where l.branch_id = b.id and l.account = b.account) from branches b where b.account = $1
select id from branches b where account = $1 and exists (select from lines l where l.branch_id = b.id and l.account = b.account)
select id from branches b where account = $1 and not exists (select from lines l where l.branch_id = b.id and l.account = b.account)
select id from lines where (account, branch_id) in (select account, id from branches where account = $1)
select l.amount from branches b, lateral (select amount from lines where account = b.account) as l where b.account = $1
select name from open_branches where id = $1::uuid and account = $2
select name from named where account = $1
update open_branches set name = $3 where id = $1::uuid and account = $2
merge into branches b using (values ($1::uuid, $2::text)) v (id, name) on b.id = v.id and b.account = $3 when matched then update set name = v.name when not matched then insert (account, name) values ($3, v.name)
merge into branches b using (values ($1::uuid)) v (id) on b.id = v.id and b.account = $2 when not matched by source and b.account = $2 then delete
merge into branches b using lines l on b.id = l.branch_id and b.account = $1 and l.account = $1 when matched then delete
merge into branches b using (select * from lines where account = $1) l on b.id = l.branch_id and b.account = $1 when not matched then insert (account, name) values ($1, l.id::text)
select add_tax(amount) from lines where account = $1
select id from colours where id = $1::uuid
select id from transfers where id = $1::uuid
select id from sites where id = $1::uuid and owner = $2
select account from unnest($1::text[]) as sent (account) join branches using (account)
select a.name from branches a join branches b on a.id = b.id where b.account = $1
select id from branches where account in (select $1)
select id from branches where account = any(array[$1, $2])
select id from branches where account = any(string_to_array($1, ','))
select name from branches where account = $1 except select name from branches where account = $2
values ((select name from branches where account = $1 limit 1))
select b.id from branches b join json_to_recordset($1::json) as sent (id uuid, account text) on b.id = sent.id and b.account = sent.account
select t0.name from branches t0, branches t1, branches t2, branches t3, branches t4, branches t5, branches t6 where t0.account = t1.account and t0.account = t2.account and t0.account = t3.account and t0.account = t4.account and t0.account = t5.account and t0.account = t6.account and t1.account = t2.account and t1.account = t3.account and t1.account = t4.account and t1.account = t5.account and t1.account = t6.account and t2.account = t3.account and t2.account = t4.account and t2.account = t5.account and t2.account = t6.account and t3.account = t4.account and t3.account = t5.account and t3.account = t6.account and t4.account = t5.account and t4.account = t6.account and t5.account = t6.account and t0.id = t1.id and t0.id = t2.id and t0.id = t3.id and t0.id = t4.id and t0.id = t5.id and t0.id = t6.id and t1.id = t2.id and t1.id = t3.id and t1.id = t4.id and t1.id = t5.id and t1.id = t6.id and t2.id = t3.id and t2.id = t4.id and t2.id = t5.id and t2.id = t6.id and t3.id = t4.id and t3.id = t5.id and t3.id = t6.id and t4.id = t5.id and t4.id = t6.id and t5.id = t6.id and t6.account = $1
