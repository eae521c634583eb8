-- Drop orders.note. No release before 1.8 runs any more, and every row has its remark.

-- squawk-ignore ban-drop-trigger -- no release before 1.8 runs, and later ones write remark
drop trigger orders_copy_remark on orders;
-- squawk-ignore ban-drop-function -- only the trigger called it
drop function orders_copy_remark();
-- squawk-ignore ban-drop-column -- no release since 1.8 reads or writes it
alter table orders drop column note;
