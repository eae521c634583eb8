do $$
declare
    done_up_to uuid := '00000000-0000-0000-0000-000000000000';  -- to go on after a failure: the last one that it printed
    batch_end uuid;
begin
    loop
        select id into batch_end from orders where id > done_up_to order by id limit 1 offset 999;
        update orders
           set remark = note
         where id > done_up_to
           and id <= coalesce(batch_end, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
           and remark is null and note is not null;
        commit;
        exit when batch_end is null;
        done_up_to := batch_end;
        raise notice 'done up to %', done_up_to;
    end loop;
end $$;
