-- One statement a line. Each lists its columns, or takes a row for nothing but being there.
select to_jsonb(c) from (select id, name from colours where id = $1::uuid) as c
select jsonb_build_object('id', c.id, 'name', c.name) from colours c where id = $1::uuid
select row_to_json(r) from colours, lateral (select colours.id, colours.name) as r where colours.id = $1::uuid
select count(*) from colours where id = $1::uuid
select count(*) * 2 from colours where id = $1::uuid
select (length(name)) * 2 from colours where id = $1::uuid
select 2 * length(name) as many, length(name) * 3 from colours where id = $1::uuid
select '(c).*, table colours' from colours c where id = $1::uuid
select row(c.id, c.name)::text from colours c where id = $1::uuid
select c is null from (select 1) as one left join colours c on c.id = $1::uuid
select (c).name from colours c where id = $1::uuid
select name as "table" from colours where id = $1::uuid
