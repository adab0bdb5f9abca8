create or replace function steward.tidy()
returns table (task text, amount bigint)
language plpgsql
volatile parallel unsafe
-- definer: writes the registry on behalf of an operator that has no other right
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source;
    v_space steward_private.space;
    v_count bigint;
begin
    perform steward_private.require_read_committed('tidy()');

    task := 'decisions';
    amount := 0;

    -- One at a time. With a lock that only who may write here can take.
    begin
        lock table steward_private.tally in share update exclusive mode nowait;
    exception
        when lock_not_available then
            raise notice 'another session is tidying up';
            return;
    end;

    -- What cannot be done now, can be in an hour: whatever is wrong with one part or one source
    -- does not stop the others.
    begin
        amount := steward_private.tidy_decisions();
    exception
        when lock_not_available then
            null;
        when others then
            raise warning 'decisions could not be tidied up: %', sqlerrm;
    end;
    return next;

    task := 'history';
    amount := 0;
    for v_source in select s.* from steward_private.source as s order by s.source_id loop
        begin
            -- somebody has it for themselves: next time
            continue when not steward_private.touch_source(v_source.source_id);

            for v_space in
                select s.*
                from steward_private.space as s
                where s.source_id = v_source.source_id
                order by s.space_id
            loop
                v_count := steward_private.tidy_tally(v_space.space_id);

                -- where none is kept any more, what there is stays until somebody wants it gone
                if v_space.revision_table is not null and v_source.keep_history > interval '0' then
                    amount := amount + steward_private.prune_space(
                        v_source, v_space, clock_timestamp() - v_source.keep_history, 0, 100000
                    );
                end if;
            end loop;
        exception
            when others then
                raise warning 'source % could not be tidied up: %', v_source.label, sqlerrm;
        end;
    end loop;
    return next;

    task := 'usage';
    amount := 0;
    for v_space in select s.* from steward_private.space as s order by s.space_id loop
        delete from steward_private.usage as u
        where
            u.space_id = v_space.space_id and u.used_at < clock_timestamp() - interval '400 days';
        get diagnostics v_count = row_count;
        amount := amount + v_count;
    end loop;
    return next;
end
$function$;

comment on function steward.tidy() is
'Remove what is kept no longer: revisions and chunks of before, by keep_history of each source; '
'decisions, by the setting keep_decisions (90 days), month by month; what was spent more than 400 '
'days ago. And make one row of those that count a day. Returns a row for each kind, with how many: '
'revisions, partitions made or dropped, rows. What somebody has locked is left for the next time, '
'and what cannot be done is a warning. Run by pg_cron every hour after steward.start(). For '
'steward_operator.';
