-- Partitions of decisions: one for each month, this one and the next made in advance, and dropped
-- when all of it is older than decisions are kept. Returns how many were made or dropped; as an
-- extension, how many old decisions were deleted. Months are those of UTC.
create or replace function steward_private.tidy_decisions()
returns bigint
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
-- workers and writers wait for us here: so we give up before anybody is the victim of a deadlock
set lock_timeout = '300ms'
as $function$
declare
    v_until timestamptz := now() - steward_private.setting_value('keep_decisions')::interval;
    v_month timestamptz;
    v_next timestamptz;
    v_name name;
    v_row record;
    v_count bigint;
    v_done bigint := 0;
begin
    -- Those of an extension's table pg_dump brings back with the foreign key in force, and their rows
    -- before those that it refers to: there is but one partition then.
    if exists (
        select from pg_depend as d
        where
            d.classid = 'pg_class'::regclass and d.deptype = 'e'
            and d.objid = 'steward_private.decision'::regclass
    ) then
        for v_row in select s.space_id from steward_private.space as s order by s.space_id loop
            delete from steward_private.decision as d
            where d.space_id = v_row.space_id and d.decided_at < v_until;
            get diagnostics v_count = row_count;
            v_done := v_done + v_count;
        end loop;

        return v_done;
    end if;

    for v_row in
        select m.month
        from (
            select distinct date_trunc('month', d.decided_at) as month
            from steward_private.decision_rest as d
            union
            select date_trunc('month', now())
            union
            select date_trunc('month', now()) + interval '1 month'
        ) as m
        where isfinite(m.month)
        order by m.month
    loop
        v_month := v_row.month;
        v_next := v_month + interval '1 month';
        v_name := 'decision_' || to_char(v_month, 'YYYYMM');

        continue when to_regclass(format('steward_data.%I', v_name)) is not null;

        if v_next <= v_until then
            delete from steward_private.decision_rest as d
            where d.decided_at >= v_month and d.decided_at < v_next;
            get diagnostics v_count = row_count;
            v_done := v_done + v_count;
            continue;
        end if;

        -- In the order in which others come to them. Whoever has begun to write to the partition that
        -- takes the rest must not find that it no longer takes theirs: so nobody writes at all.
        lock table steward_private.space in share row exclusive mode;
        lock table steward_private.decision in share row exclusive mode;
        lock table steward_private.decision_rest in access exclusive mode;

        -- with what the partition must have, so that nothing has to be looked through again
        execute format(
            'create table steward_data.%I (like steward_private.decision '
            'including defaults including constraints, '
            'constraint %I check (decided_at >= %L and decided_at < %L))',
            v_name, v_name || '_month_check', v_month, v_next
        );
        execute format(
            'alter table steward_data.%I alter column reason set statistics 0, '
            'alter column details set statistics 0',
            v_name
        );
        execute format('alter table steward_data.%I enable row level security', v_name);
        execute format(
            'comment on table steward_data.%I is %L', v_name,
            format('Decisions of %s (UTC).', to_char(v_month, 'YYYY-MM'))
        );
        execute format(
            'with moved as ('
            'delete from steward_private.decision_rest as d '
            'where d.decided_at >= $1 and d.decided_at < $2 returning d.*) '
            'insert into steward_data.%I select m.* from moved as m',
            v_name
        )
        using v_month, v_next;
        execute format(
            'alter table steward_data.%I add constraint %I primary key (decision_id)',
            v_name, v_name || '_pkey'
        );
        execute format('create index on steward_data.%I (space_id, decided_at)', v_name);
        execute format('create index on steward_data.%I (space_id, key)', v_name);
        execute format(
            'create index on steward_data.%I (space_id, decided_at) where lane = ''edit''', v_name
        );
        execute format(
            'alter table steward_private.decision attach partition steward_data.%I '
            'for values from (%L) to (%L)',
            v_name, v_month, v_next
        );
        execute format(
            'alter table steward_data.%I drop constraint %I', v_name, v_name || '_month_check'
        );
        v_done := v_done + 1;
    end loop;

    -- what lies in months that have partitions by now has gone there; the rest is out of time
    for v_row in
        select c.oid::regclass as name
        from pg_inherits as i
        inner join pg_class as c on c.oid = i.inhrelid
        where
            i.inhparent = 'steward_private.decision'::regclass
            and c.relnamespace = 'steward_data'::regnamespace
            and c.relname ~ '^decision_[0-9]{6}$'
            and to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month' <= v_until
        order by c.relname
    loop
        execute format('drop table %s', v_row.name);
        v_done := v_done + 1;
    end loop;

    return v_done;
end
$function$;
