create function require_value() returns text language plpgsql
as $$ begin raise exception 'a value is required'; end $$;

create table keys (
    name    text not null default require_value(),
    account text not null,
    value   text,

    constraint keys_pkey primary key (name)
);
create index keys_account_idx on keys (account, name);

insert into keys values ('colour', 'ada', null), ('size', 'bob', 'xl');
