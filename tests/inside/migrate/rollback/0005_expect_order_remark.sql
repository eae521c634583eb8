alter table orders add constraint orders_remark_given check (remark is not null) not valid;
