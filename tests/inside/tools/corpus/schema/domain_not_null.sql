create domain isbn as text not null check (value ~ '^[0-9]{10}$');

create table books (
    code    isbn,
    account text not null,
    title   text,

    constraint books_pkey primary key (code)
);
create index books_account_idx on books (account, code);

insert into books values ('0123456789', 'ada', null), ('1123456789', 'bob', 'Trees');
