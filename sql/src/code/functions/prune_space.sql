-- Deletes what documents and chunks of a space were until some moment, up to so many of each; null:
-- all. Returns how many revisions. Whoever calls it holds the source, see touch_source().
create or replace function steward_private.prune_space(
    source steward_private.source,
    space steward_private.space,
    before timestamptz,
    keep_revisions integer,
    amount bigint
)
returns bigint
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := prune_space.source;
    v_space steward_private.space := prune_space.space;
    v_row record;
    v_places tid[] := '{}'::tid[];
    v_ids bigint[] := '{}'::bigint[];
    v_since timestamptz;
    v_pruned bigint := 0;
begin
    -- the newest of a document stay, whatever their age
    for v_row in execute format(
        $sql$
        select t.ctid as place, t.superseded_at
        from %1$s as t
        where
            t.superseded_at <= $1
            and (
                $2 = 0
                or $2 <= (
                    select count(*)
                    from (
                        select from %1$s as n
                        where
                            %2$s and n.superseded_at >= t.superseded_at
                            and (n.superseded_at, n.revision) > (t.superseded_at, t.revision)
                        limit $2
                    ) as n
                )
            )
        order by t.superseded_at
        limit $3
        $sql$,
        v_space.revision_table,
        steward_private.key_match(v_source, 'n', 't')
    )
    using prune_space.before, prune_space.keep_revisions, prune_space.amount
    loop
        v_places := v_places || v_row.place;
        v_since := v_row.superseded_at;
        v_pruned := v_pruned + 1;

        if cardinality(v_places) = 1000 then
            execute format('delete from %s as t where t.ctid = any($1)', v_space.revision_table)
            using v_places;
            v_places := '{}'::tid[];
        end if;
    end loop;

    execute format('delete from %s as t where t.ctid = any($1)', v_space.revision_table)
    using v_places;

    -- chunks that nothing names any more
    for v_row in execute format(
        $sql$
        select t.chunk_id
        from %1$s as t
        where
            t.superseded_at <= $1
            and not exists (
                select from %2$s as r where %3$s and t.chunk_id = any(r.chunk_ids)
            )
        order by t.superseded_at
        limit $2
        $sql$,
        v_space.past_table,
        v_space.revision_table,
        steward_private.key_match(v_source, 'r', 't')
    )
    using prune_space.before, prune_space.amount
    loop
        v_ids := v_ids || v_row.chunk_id::bigint;

        if cardinality(v_ids) = 1000 then
            execute format('delete from %s as t where t.chunk_id = any($1)', v_space.past_table)
            using v_ids;
            v_ids := '{}'::bigint[];
        end if;
    end loop;

    execute format('delete from %s as t where t.chunk_id = any($1)', v_space.past_table)
    using v_ids;

    -- what a revision showed until then cannot be told any more
    update steward_private.space as s
    set history_since = v_since
    where s.space_id = v_space.space_id and s.history_since < v_since;

    return v_pruned;
end
$function$;
