-- squawk-ignore adding-not-nullable-field -- orders_remark_given was validated
alter table orders alter column remark set not null;
-- squawk-ignore ban-drop-constraint -- the column says it now
alter table orders drop constraint orders_remark_given;
