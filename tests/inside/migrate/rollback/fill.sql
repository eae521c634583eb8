update orders
   set remark = note
 where id in (select id from orders where remark is null and note is not null limit 1000)
