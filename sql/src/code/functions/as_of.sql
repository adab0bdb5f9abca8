create or replace function steward.as_of(source regclass, "when" timestamptz)
returns table (
    key jsonb, ordinal integer, heading text, chunk text, model text, revision integer
)
language plpgsql
-- stable: all of it in one snapshot, so that nothing is pruned between the question and the answer
stable parallel unsafe
-- definer: what is gone belongs to no row whose policies could decide; see require_sight_of_all()
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
as $function$
declare
    v_source steward_private.source := steward_private.source_of(as_of.source);
    v_space steward_private.space;
    v_first timestamptz;
begin
    perform steward_private.require_sight_of_all(v_source);

    if as_of."when" is null or as_of."when" > clock_timestamp() then
        raise exception 'the moment must be in the past'
            using errcode = 'invalid_parameter_value';
    end if;

    -- locks the source before what belongs to it, as everybody does
    execute format('select from steward_private.read_%s(''[]'') as r', v_source.source_id);

    select s.* into v_space
    from steward_private.tenure as t
    inner join steward_private.space as s on s.space_id = t.space_id
    where
        t.source_id = v_source.source_id
        and t.began_at <= as_of."when"
    order by t.began_at desc
    limit 1;

    if not found then
        select min(t.began_at) into v_first
        from steward_private.tenure as t
        where t.source_id = v_source.source_id;

        raise exception 'search did not answer from table % at that moment', v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            detail = format('It is tracked since %s.', v_first);
    end if;

    if v_space.chunk_table is null then
        raise exception 'what search showed of table % at that moment has been dropped',
            v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            detail = format('It answered from vectors of the model %s.', v_space.model_name);
    end if;

    if v_source.keep_history = interval '0' then
        raise exception 'no history of table % is kept', v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            hint = format(
                'It begins with: select steward.alter(%L, keep_history => ''30 days'');',
                v_source.relation::text
            );
    end if;

    if as_of."when" < v_space.history_since then
        raise exception 'the history of table % does not reach back to that moment',
            v_source.relation
            using errcode = 'object_not_in_prerequisite_state',
            detail = format(
                'It is complete since %s, and %s of it is kept.',
                v_space.history_since, v_source.keep_history
            );
    end if;

    return query execute format(
        $sql$
        select
            %6$s, (o.n - 1)::integer, o.heading,
            coalesce(o.shown, c.chunk, p.chunk), %7$L, d.revision
        from (
            select %8$s, d.revision, d.chunk_ids, d.headings, d.shown
            from %1$s as d
            where d.valid_from <= $1 and (d.retired_at is null or $1 < d.retired_at)
            union all
            select %8$s, d.revision, d.chunk_ids, d.headings, d.shown
            from %2$s as d
            where d.valid_from <= $1 and $1 < d.superseded_at
        ) as d
        cross join lateral unnest(d.chunk_ids, d.headings, d.shown)
            with ordinality as o (chunk_id, heading, shown, n)
        left join %3$s as c on c.chunk_id = o.chunk_id
        left join %4$s as p on p.chunk_id = o.chunk_id
        order by %5$s, o.n
        $sql$,
        v_space.doc_table,
        v_space.revision_table,
        v_space.chunk_table,
        v_space.past_table,
        steward_private.key_list(v_source, 'd'),
        steward_private.key_object(v_source, 'd'),
        v_space.model_name,
        steward_private.key_list(v_source, 'd')
    )
    using as_of."when";
end
$function$;

comment on function steward.as_of(regclass, timestamptz) is
'What search could show of a tracked table at a moment of the past: every chunk, from the model '
'that search answered from then, with the revision of its document (that of now, if it shows the '
'same since). An edit counts from the moment when its statement ran or its result was stored, by '
'the clock of the server, not from when that was committed; what is done behind the back of the '
'triggers (to a partition as a whole, under session_replication_role) from when a worker finds it. '
'What steward.erase() has removed is '
'not shown. An error where history does not reach back: before the table was tracked, what '
'steward.prune() has removed, and while keep_history is 0. For steward_admin with SELECT on the '
'table and not subject to its row security, because rows that are gone cannot be judged by it.';
