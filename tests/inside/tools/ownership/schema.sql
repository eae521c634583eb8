-- Tables and views whose rows belong to accounts, and some whose rows do not.

create table branches (
    id uuid not null default uuidv7() constraint branches_pkey primary key,
    account text not null,
    name text not null,
    parent_id uuid,
    constraint branches_name_key unique (account, name)
);
create table lines (
    id uuid not null default uuidv7() constraint lines_pkey primary key,
    account text not null,
    branch_id uuid not null,
    amount bigint not null
);
create table colours (id uuid constraint colours_pkey primary key, name text not null);
create table sites (id uuid constraint sites_pkey primary key, owner uuid not null, name text not null);
create table transfers (id uuid constraint transfers_pkey primary key, account text not null);
create view open_branches as select id, account, name from branches where name <> 'closed';
create view branch_names as select name from branches;
create view named as select id, account, name from branches union all select id, account, 'a line' from lines;
create function remove_branch(which uuid) returns bigint language sql
    begin atomic delete from branches where id = which; select 1::bigint; end;
create function empty_branches() returns bigint language plpgsql as 'begin delete from Branches; return 1; end';
create function add_tax(amount bigint) returns bigint language sql immutable return amount * 2;
