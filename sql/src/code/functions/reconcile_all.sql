create or replace procedure steward.reconcile_all(max_rows bigint default 100000)
language plpgsql
-- invoker and without a search_path: a procedure with either may not commit
security invoker
as $procedure$
declare
    v_source pg_catalog.regclass;
    v_is_done boolean;
begin
    foreach v_source in array array(select s.source from steward.sources as s order by s.source) loop
        v_is_done := false;

        while not v_is_done loop
            begin
                v_is_done := steward._reconcile_slice(v_source, reconcile_all.max_rows);
            exception
                -- the next source may be all right
                when others then
                    raise warning 'table % cannot be reconciled: %', v_source, sqlerrm;
                    v_is_done := true;
            end;

            commit;
        end loop;
    end loop;
end
$procedure$;

-- the linter does not know that this is a list of arguments
comment on procedure steward.reconcile_all(bigint) is -- noqa: LT01
'steward.reconcile() for every source, committing after so many rows. Goes on where it was when'
' it was interrupted. Run by pg_cron every night after steward.start(). For steward_operator, '
'outside of a transaction.';
