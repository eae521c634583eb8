-- One statement a line. Each shows every column that a table has, whatever it will have.
select to_jsonb(c) from colours c where id = $1::uuid
select row_to_json(c) from colours c where id = $1::uuid
select json_agg(c) from colours c where id = $1::uuid
select c from colours c where id = $1::uuid
select colours from colours where id = $1::uuid
select c::text from colours c where id = $1::uuid
select c.*::text from colours c where id = $1::uuid
select (c).* from colours c where id = $1::uuid
select c . * from colours c where id = $1::uuid
select "c".* from colours c where id = $1::uuid
select distinct * from colours where id = $1::uuid
select all * from colours where id = $1::uuid
select distinct on (id) * from colours where id = $1::uuid
select concat(c) from colours c where id = $1::uuid
select md5(row(c)::text) from colours c where id = $1::uuid
select (select c) from colours c where id = $1::uuid
select (array_agg(c))[1] from colours c where id = $1::uuid
select j from (select a, b from colours a join colours b using (id) where id = $1::uuid) as j
select coalesce(c, null) from colours c where id = $1::uuid
select count(*) filter (where c::text = 'x') from colours c where id = $1::uuid
delete from colours where id = $1::uuid returning colours
update colours set name = 'x' where id = $1::uuid returning old
table colours
(table colours) union all table colours
with c as (table colours) select id from c
select exists (table colours)
insert into colours select c.* from colours c where c.id = $1::uuid
