create or replace function steward.check()
returns table (item text, status text, detail text, hint text)
language plpgsql
stable parallel unsafe
-- definer: looks at the registry and the catalogs, and tells no more than names and versions
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_version text;
    v_parts integer[];
    v_source record;
begin
    item := 'pg_steward';
    status := 'ok';
    detail := format(
        'version %s on PostgreSQL %s', steward.version(), current_setting('server_version')
    );
    hint := null;
    return next;

    item := 'pgvector';
    select e.extversion into v_version from pg_extension as e where e.extname = 'vector';
    v_parts := string_to_array(substring(v_version from '^[0-9]+[.][0-9]+[.][0-9]+'), '.')::integer[];
    if v_version is null then
        status := 'missing';
        detail := 'needed for every source';
        hint := 'Run: create extension vector;';
    elsif v_parts < array[0, 8, 0] then
        status := 'critical';
        detail := format('version %s', v_version);
        hint := 'Version 0.8.0 or later is needed.';
    elsif v_parts < array[0, 8, 4] then
        status := 'warning';
        detail := format('version %s', v_version);
        hint := '0.8.4 mends damage to hnsw indexes, 0.8.2 CVE-2026-3172: upgrade.';
    else
        status := 'ok';
        detail := format('version %s', v_version);
        hint := null;
    end if;
    return next;

    item := 'plpython3u';
    if steward_private.has_python() then
        status := 'ok';
        detail := 'chunking and the built-in model run in the database';
        hint := null;
    else
        status := 'missing';
        detail := 'no chunking and no built-in model in the database';
        hint := 'As a superuser, run: create extension plpython3u; select steward.enable_python();';
    end if;
    return next;

    item := 'pg_cron';
    if exists (select from pg_extension as e where e.extname = 'pg_cron') then
        status := 'ok';
        detail := 'steward.start() schedules the work, steward.status() shows it';
        hint := null;
    else
        status := 'missing';
        detail := 'nothing runs by itself';
        hint := 'steward.start() shows the lines for a crontab instead.';
    end if;
    return next;

    item := 'roles';
    select string_agg(r.role_name, ', ') into v_version
    from unnest(array[
        'steward_reader', 'steward_operator', 'steward_worker', 'steward_admin'
    ]) as r (role_name)
    where to_regrole(r.role_name) is null;
    status := case when v_version is null then 'ok' else 'critical' end;
    detail := case
        when v_version is null then 'reader, operator, worker and admin exist'
        else format('missing: %s', v_version)
    end;
    hint := case
        when v_version is not null
            then 'Restore the roles of the cluster (pg_dumpall --roles-only) and run the grants again.'
    end;
    return next;

    for v_source in
        select
            s.relation,
            steward_private.trigger_count(s) as expected_triggers,
            s.paused_at,
            s.pause_reason,
            (
                select max(sp.paused_until) from steward_private.space as sp
                where
                    sp.source_id = s.source_id and sp.setbacks > 0
                    and sp.paused_until < 'infinity'
            ) as away_until,
            c.oid is null as dropped,
            not exists (
                select from pg_index as i
                where
                    i.indrelid = s.relation and i.indisunique and i.indisvalid
                    and i.indpred is null and i.indexprs is null
                    and (
                        select array_agg(a.attname order by k.n)
                        from unnest(i.indkey::int2[]) with ordinality as k (attnum, n)
                        inner join pg_attribute as a
                            on a.attrelid = i.indrelid and a.attnum = k.attnum
                        where k.n <= i.indnkeyatts
                    ) = s.key_columns
            ) as lost_its_key,
            c.relforcerowsecurity as is_forced,
            -- a partition cannot be tracked, but a tracked table can become one
            c.relispartition
            or c.relkind = 'r'
            and exists (select from pg_inherits as i where c.oid in (i.inhrelid, i.inhparent))
                as has_relatives,
            c.relpersistence <> 'p' as is_unlogged,
            (
                select count(*)
                from pg_trigger as t
                inner join pg_proc as p on p.oid = t.tgfoid
                where
                    t.tgrelid = s.relation and t.tgparentid = 0 and t.tgenabled in ('O', 'A')
                    and p.pronamespace = 'steward_data'::regnamespace
            ) as triggers,
            (
                select string_agg(quote_ident(n.column_name), ', ')
                from unnest(s.key_columns || s.content_columns) as n (column_name)
                where not exists (
                    select from pg_attribute as a
                    where
                        a.attrelid = s.relation and a.attname = n.column_name
                        and not a.attisdropped
                )
            ) as renamed,
            exists (
                select from pg_trigger as u
                inner join pg_proc as p on p.oid = u.tgfoid
                where
                    u.tgrelid = s.relation and u.tgname = 'steward_update'
                    and p.pronamespace = 'steward_data'::regnamespace
                    and cardinality(u.tgattr::int2[]) > 0
                    and steward._has_before_update_trigger(s.relation)
            ) as has_blind_spot,
            (
                select string_agg(sp.problem, ' ') from steward_private.space as sp
                where sp.source_id = s.source_id
            ) as problem
        from steward_private.source as s
        left join pg_class as c on c.oid = s.relation
        order by s.source_id
    loop
        item := format('source %s', v_source.relation);
        status := 'critical';
        if v_source.dropped then
            detail := 'the table has been dropped';
            hint := format('Run: select steward.untrack(%s);', v_source.relation::oid);
        elsif v_source.renamed is not null then
            detail := format('there is no column %s any more', v_source.renamed);
            hint := 'Rename it back, or untrack and track the table again.';
        elsif v_source.triggers <> v_source.expected_triggers then
            detail := format(
                '%s of its %s triggers are there and enabled',
                v_source.triggers, v_source.expected_triggers
            );
            hint := format(
                'Changes are being missed. Enable the triggers, or untrack and track %s again.',
                v_source.relation
            );
        elsif v_source.lost_its_key then
            detail := 'no unique index on its key is left';
            hint := 'Rows can no longer be told apart. Make the index again.';
        elsif v_source.is_forced then
            detail := 'it forces row security on its owner, so rows that a policy hides count as gone';
            hint := format('Run: alter table %s no force row level security;', v_source.relation);
        elsif v_source.has_relatives then
            detail := 'it takes part in inheritance, or is a partition by now';
            hint := 'Rows of other tables are read as its own, or its own as theirs. Take it out '
                'of there, or untrack it.';
        elsif v_source.is_unlogged then
            detail := 'it is unlogged: a crash empties it, and what is stored of its rows stays';
            hint := format('Run: alter table %s set logged;', v_source.relation);
        elsif v_source.has_blind_spot then
            status := 'warning';
            detail := 'a BEFORE UPDATE trigger that came after tracking can change the text unseen';
            hint := 'Untrack and track the table again: tracking takes notice of such triggers.';
        elsif v_source.paused_at is not null then
            status := 'warning';
            detail := format(
                'paused since %s%s', date_trunc('second', v_source.paused_at),
                ': ' || v_source.pause_reason
            );
            hint := format('Run: select steward.resume(%L);', v_source.relation);
        elsif v_source.away_until is not null then
            status := 'warning';
            detail := format(
                'its provider is away or wants a rest; tried again after %s',
                date_trunc('second', v_source.away_until)
            );
            hint := 'It goes on by itself. steward.jobs has the errors.';
        elsif v_source.problem is not null then
            -- an error can quote data
            detail := case
                when pg_has_role(session_user, 'steward_operator', 'member')
                    then format('it cannot be worked on: %s', v_source.problem)
                else 'it cannot be worked on'
            end;
            hint := format(
                'If its cause is gone: select steward.resume(%1$L); if the table has another owner now: '
                'select * from steward.alter(%1$L);', v_source.relation
            );
        else
            status := 'ok';
            detail := 'its triggers are in place';
            hint := null;
        end if;
        return next;
    end loop;
end
$function$;

comment on function steward.check() is
'Is everything in place? One row per part: ok, warning, missing (something optional is not there) '
'or critical, with what to do about it.';
