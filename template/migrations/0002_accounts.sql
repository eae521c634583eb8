-- Accounts: who may log in. The password is stored as an Argon2id hash, which holds its own salt and parameters.

create table accounts (
    id            uuid        not null default uuidv7(),
    email         text        not null,
    password_hash text        not null,
    created_at    timestamptz not null default now(),

    constraint accounts_pkey primary key (id)
);

-- However an address is written, it is one account's; and it is looked up by the same index.
create unique index accounts_email_key on accounts (lower(email));
