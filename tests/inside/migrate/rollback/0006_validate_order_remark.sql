alter table orders validate constraint orders_remark_given;
