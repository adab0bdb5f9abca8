-- What complete() does with the results of some claims of a space; claim() does the same for rows
-- that need no vector.
create or replace function steward_private.define_finish_function(
    source steward_private.source, space steward_private.space
)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := define_finish_function.source;
    v_space steward_private.space := define_finish_function.space;
    v_model steward_private.model;
    v_columns text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_body text;
begin
    select m.* into strict v_model
    from steward_private.model as m
    where m.model_name = v_space.model_name;

    -- vectors: of all claims one after the other; firsts says where those of each begin. Never
    -- waits: the caller may hold locks that whoever has a row is waiting for. Such claims are 'busy'.
    -- Claims are looked up by their token alone: a condition on the space, which they all have, would
    -- let the planner read every dead claim of it, of which an old transaction keeps many.
    -- Locks in the order in which everybody does: source row, then job, then document and chunks.
    v_body := format(
        $sql$
#variable_conflict use_column
declare
    v_tokens bigint[];
    v_firsts integer[];
    v_keys jsonb;
    v_states text[];
    v_generations bigint[];
    v_revisions integer[];
    v_is_of_a_worker boolean;
    v_lanes text[];
    v_since timestamptz[];
    -- where the rows that are locked stand: an old transaction keeps many dead ones under each key
    v_jobs tid[];
    v_documents tid[];
    v_now timestamptz;
begin
    if cardinality(finish_%1$s.vectors) > 0 then
        perform steward_private.check_vectors(
            finish_%1$s.vectors, finish_%1$s.dimensions, 'vector'
        );
    end if;

    select
        array_agg(c.token order by o.n), array_agg(o.first order by o.n),
        jsonb_agg(c.key order by o.n), array_agg(c.revision order by o.n), bool_and(c.generation > 0)
    into v_tokens, v_firsts, v_keys, v_revisions, v_is_of_a_worker
    from unnest(finish_%1$s.tokens, finish_%1$s.firsts) with ordinality as o (token, first, n)
    inner join steward_private.claim as c on c.token = o.token;

    if v_tokens is null then
        return;
    end if;

    select array_agg(
        case when l."position" is not null then case when l.counts then 'row' else 'gone' end end
        order by o.n
    )
    into v_states
    from generate_series(1, cardinality(v_tokens)) as o (n)
    left join steward_private.lock_%2$s(v_keys) as l on l."position" = o.n;

    -- not to be locked: gone for good, or in somebody's hands
    if array_position(v_states, null) is not null then
        select array_agg(
            coalesce(v_states[r."position"], case when r.found then 'busy' else 'gone' end)
            order by r."position"
        )
        into v_states
        from steward_private.there_%2$s(v_keys) as r;
    end if;

    with item as materialized (
        select o.token, k.*
        from unnest(v_tokens) with ordinality as o (token, n)
        inner join rows from (jsonb_to_recordset(v_keys) as (%3$s)) with ordinality as k (%4$s, n)
            on k.n = o.n
    ),

    held as materialized (
        select
            i.n, t.ctid as place, t.generation, t.queued_at,
            case t.lane when 1 then 'edit' else 'backfill' end as lane
        from item as i
        inner join %5$s as t on %6$s and t.token = i.token
        for update of t skip locked
    ),

    there as materialized (
        select i.n
        from item as i
        inner join %5$s as t on %6$s and t.token = i.token
        where i.n not in (select h.n from held as h)
    )

    select
        array_agg(
            case
                when h.n is not null then v_states[o.n]
                when s.n is not null then 'busy'
                else 'stale'
            end
            order by o.n
        ),
        array_agg(h.generation order by o.n),
        array_agg(h.lane order by o.n),
        array_agg(h.queued_at order by o.n),
        array_agg(h.place order by o.n)
    into v_states, v_generations, v_lanes, v_since, v_jobs
    from generate_series(1, cardinality(v_tokens)) as o (n)
    left join held as h on h.n = o.n
    left join there as s on s.n = o.n;

    -- A plan that was made against another revision names chunks that may be gone. One that was made
    -- of a row that has been deleted since is of another row, even if there is one with its key.
    with item as materialized (
        select k.*
        from rows from (jsonb_to_recordset(v_keys) as (%3$s)) with ordinality as k (%4$s, n)
    ),

    held as materialized (
        select i.n, d.ctid as place, d.revision
        from item as i
        inner join %7$s as d on %8$s
        where v_states[i.n] in ('row', 'gone')
        for update of d skip locked
    ),

    there as materialized (
        select i.n
        from item as i
        inner join %7$s as d on %8$s
        where i.n not in (select h.n from held as h)
    ),

    -- the writer's own, see sync_row(), is of the row as it is
    deleted as materialized (
        select distinct i.n from item as i inner join %21$s as d on %8$s where v_is_of_a_worker
    )

    select
        array_agg(
            case
                when v_states[o.n] not in ('row', 'gone') then v_states[o.n]
                when h.n is null and s.n is not null then 'busy'
                when v_states[o.n] = 'row'
                    and (h.revision is distinct from v_revisions[o.n] or d.n is not null)
                    then 'superseded'
                else v_states[o.n]
            end
            order by o.n
        ),
        array_agg(h.place order by o.n)
    into v_states, v_documents
    from generate_series(1, cardinality(v_tokens)) as o (n)
    left join held as h on h.n = o.n
    left join there as s on s.n = o.n
    left join deleted as d on d.n = o.n;

    v_now := clock_timestamp();

    return query
    with item as materialized (
        select
            o.token,
            -- there was no row when it was claimed: if there is one now, another claim will read it
            case when o.state = 'row' and c.plan is null then 'gone' else o.state end as state,
            o.first,
            c.key,
            c.plan,
            c.generation = o.generation as is_current,
            c.claimed_at,
            c.characters,
            c.policy_version,
            o.lane,
            o.since,
            o.job,
            o.document,
            %9$s
        from unnest(
            v_tokens, v_states, v_firsts, v_generations, v_lanes, v_since, v_jobs, v_documents
        ) as o (token, state, first, generation, lane, since, job, document)
        inner join steward_private.claim as c on c.token = o.token
        cross join lateral %10$s as k
    ),

    proposed as (
        select
            i.token,
            %11$s,
            p.ordinal,
            p.start,
            p."end",
            p.heading,
            p.prefix,
            -- as it is shown: without what was put before it for the model
            case
                when p.prefix is null then x.text else substr(x.text, length(p.prefix) + 3)
            end as text,
            decode(p.chunk_hash, 'hex') as chunk_hash,
            %19$s as vector,
            p.chunk_id,
            p.shown,
            p.near,
            p.similarity,
            p.stage
        from item as i
        cross join lateral jsonb_to_recordset(i.plan -> 'chunks') as p (
            ordinal integer, start integer, "end" integer, heading text, prefix text,
            chunk_hash text, vector integer, chunk_id bigint, shown text,
            near bigint, similarity double precision, stage text
        )
        -- taken apart once: each look into the list would copy the whole of it
        left join lateral jsonb_array_elements_text(i.plan -> 'texts') with ordinality as x (text, n)
            on x.n = p.vector + 1
        where i.state = 'row'
    ),
    -- as they were until now; they are locked
    before as materialized (
        select i.token, i.state, d.*
        from item as i
        inner join %7$s as d on d.ctid = i.document
        where i.state in ('row', 'gone')
    ),
    %23$s
    planned as materialized (
        select
            p.token,
            %18$s,
            p.ordinal,
            p.start,
            p."end",
            p.heading,
            p.prefix,
            p.text,
            p.chunk_hash,
            p.vector,
            p.chunk_id is null and p.kept_id is null as is_new,
            coalesce(p.chunk_id, p.kept_id, nextval(%12$L)) as chunk_id,
            case when p.kept_id is null then p.shown else p.text end as shown,
            p.kept_id is not null as is_near,
            p.similarity,
            p.cosine
        from compared as p
    ),

    summed as materialized (
        select
            p.token,
            array_agg(p.chunk_id order by p.ordinal) as chunk_ids,
            array_agg(p.start order by p.ordinal) as starts,
            array_agg(p."end" order by p.ordinal) as ends,
            max(p."end") as characters,
            array_agg(p.heading order by p.ordinal) as headings,
            case
                when bool_or(p.shown is not null) then array_agg(p.shown order by p.ordinal)
            end as shown,
            count(*) filter (where p.is_new)::integer as embedded,
            count(*) filter (where not p.is_new)::integer as reused,
            count(p.shown)::integer as accepted,
            count(*) filter (where p.is_near)::integer as near,
            -- evidence for steward.suggest_threshold()
            (
                jsonb_agg(jsonb_build_array(p.similarity, round(p.cosine::numeric, 4)))
                filter (where p.similarity is not null and p.cosine <> 'NaN')
            ) as pairs
        from planned as p
        group by p.token
    ),

    stored as (
        insert into %7$s as d (
            %4$s, revision, content_hash, chunk_ids, starts, ends, headings, shown, policy_version,
            valid_from, decided_at
        )
        select
            %11$s,
            1,
            decode(i.plan ->> 'content_hash', 'hex'),
            coalesce(s.chunk_ids, '{}'),
            coalesce(s.starts, '{}'),
            coalesce(s.ends, '{}'),
            coalesce(s.headings, '{}'),
            s.shown,
            i.policy_version,
            v_now,
            v_now
        from item as i
        left join summed as s on s.token = i.token
        where i.state = 'row'
        on conflict (%4$s) do update
        set
            revision = d.revision + 1,
            content_hash = excluded.content_hash,
            chunk_ids = excluded.chunk_ids,
            starts = excluded.starts,
            ends = excluded.ends,
            headings = excluded.headings,
            shown = excluded.shown,
            policy_version = excluded.policy_version,
            valid_from = case
                when d.retired_at is null
                    and (d.content_hash, d.chunk_ids, d.starts, d.ends, d.headings, d.shown)
                    is not distinct from (
                        excluded.content_hash, excluded.chunk_ids, excluded.starts, excluded.ends,
                        excluded.headings, excluded.shown
                    )
                    then d.valid_from
                else excluded.valid_from
            end,
            retired_at = null,
            decided_at = excluded.decided_at
        returning %13$s, d.revision, d.valid_from
    ),

    ended as (
        %14$s
        returning i.token, d.revision
    ),

    removed as (
        delete from %15$s as c
        using item as i
        where
            %16$s
            and (i.state = 'row' %17$s)
            and not exists (select from planned as p where p.chunk_id = c.chunk_id)
        returning i.token, c.*
    ),
    %22$s
    added as (
        insert into %15$s (chunk_id, %4$s, chunk, prefix, chunk_hash, embedding)
        select p.chunk_id, %18$s, p.text, p.prefix, p.chunk_hash, p.vector
        from planned as p
        where p.is_new
    ),

    outcome as materialized (
        select
            i.token,
            i.key,
            i.state,
            i.lane,
            i.since,
            i.claimed_at,
            i.characters as characters_embedded,
            coalesce(s.characters, 0) as characters,
            case
                when i.state = 'row' and (b.token is null or b.retired_at is not null) then 1
                when i.state = 'gone' and b.token is not null and b.retired_at is null then -1
                else 0
            end as documents,
            (i.state = 'row' and s.shown is not null)::integer
            - (i.state in ('row', 'gone') and b.retired_at is null and b.shown is not null)::integer
                as accepted_documents,
            case
                when i.state not in ('row', 'gone') then i.state
                when i.state = 'gone' or coalesce(s.embedded + s.reused, 0) = 0 then 'retired'
                when s.embedded > 0 then 'embedded'
                when s.accepted > 0 then 'skipped'
                else 'reused'
            end as outcome,
            coalesce(d.revision, e.revision) as revision,
            coalesce(s.embedded, 0) as embedded,
            coalesce(s.reused, 0) as reused,
            coalesce(s.accepted, 0) as accepted,
            i.policy_version,
            (
                i.plan -> 'details' || jsonb_strip_nulls(
                    jsonb_build_object(
                        'pairs', jsonb_path_query_array(s.pairs, '$[0 to 99]'),
                        'kept_by_cosine', nullif(s.near, 0)
                    )
                )
            ) %24$s as details,
            coalesce(c.removed, 0) as removed
        from item as i
        left join summed as s on s.token = i.token
        left join stored as d on i.state = 'row' and %20$s
        left join ended as e on e.token = i.token
        left join before as b on b.token = i.token
        left join (
            select r.token, count(*)::integer as removed from removed as r group by r.token
        ) as c on c.token = i.token
    ),

    tallied as (
        insert into steward_private.tally (
            space_id, documents, chunks, accepted, embedded, reused, skipped, retired,
            chunks_embedded, chunks_reused, characters, characters_embedded
        )
        select
            %1$s,
            sum(r.documents),
            sum(r.embedded - r.removed),
            sum(r.accepted_documents),
            count(*) filter (where r.outcome = 'embedded'),
            count(*) filter (where r.outcome = 'reused'),
            count(*) filter (where r.outcome = 'skipped'),
            count(*) filter (where r.outcome = 'retired'),
            sum(r.embedded),
            sum(r.reused),
            sum(r.characters),
            sum(r.characters_embedded)
        from outcome as r
        where r.state in ('row', 'gone')
        having count(*) > 0
    ),

    decided as (
        insert into steward_private.decision (
            space_id, key, revision, policy_version, outcome, reason, chunks_embedded, chunks_reused,
            chunks_accepted, chunks_removed, characters, characters_embedded, details, lane,
            changed_at, claimed_at, decided_at
        )
        select
            %1$s, r.key, r.revision, r.policy_version, r.outcome,
            case
                when r.state = 'gone' then 'row is gone'
                when r.outcome = 'retired' then 'content is empty'
                when r.outcome = 'embedded' then 'content changed'
                when r.outcome = 'skipped' then 'what changed is not significant'
                else 'every chunk has its vector already'
            end,
            r.embedded, r.reused, r.accepted, r.removed,
            r.characters, r.characters_embedded, r.details, r.lane, r.since, r.claimed_at, v_now
        from outcome as r
        where r.state in ('row', 'gone')
    ),

    -- An edit that came after the claim has raised the generation: its job stays.
    done as (
        delete from %5$s as t
        using item as i
        where
            t.ctid = i.job and t.token = i.token
            and i.state in ('row', 'gone') and i.is_current
    ),

    again as (
        update %5$s as t
        set
            token = null,
            available_at = clock_timestamp(),
            queued_at = coalesce(t.next_queued_at, t.queued_at),
            next_queued_at = null,
            attempts = case when i.state = 'superseded' then greatest(t.attempts - 1, 0) else 0 end,
            setbacks = 0
        from item as i
        where
            t.ctid = i.job
            and t.token = i.token
            and (i.state = 'superseded' or i.state in ('row', 'gone') and not i.is_current)
    ),

    given_up as (
        delete from steward_private.claim as c
        using item as i
        where c.token = i.token and i.state <> 'busy'
    )

    select r.token, r.outcome from outcome as r;
end
        $sql$,
        v_space.space_id,
        v_source.source_id,
        steward_private.key_record_columns(v_source),
        v_columns,
        v_space.job_table,
        steward_private.key_match(v_source, 't', 'i'),
        v_space.doc_table,
        steward_private.key_match(v_source, 'd', 'i'),
        steward_private.key_list(v_source, 'k'),
        steward_private.key_record(v_source, 'c.key'),
        steward_private.key_list(v_source, 'i'),
        pg_get_serial_sequence(v_space.chunk_table::text, 'chunk_id'),
        steward_private.key_list(v_source, 'd'),
        case v_source.on_delete
            when 'drop'
                then format(
                    'delete from %s as d using item as i where i.state = ''gone'' and %s',
                    v_space.doc_table, steward_private.key_match(v_source, 'd', 'i')
                )
            else
                format(
                    'update %s as d set retired_at = coalesce(d.retired_at, clock_timestamp()) '
                    'from item as i where i.state = ''gone'' and %s',
                    v_space.doc_table, steward_private.key_match(v_source, 'd', 'i')
                )
        end,
        v_space.chunk_table,
        steward_private.key_match(v_source, 'c', 'i'),
        case v_source.on_delete when 'drop' then 'or i.state = ''gone''' else '' end,
        steward_private.key_list(v_source, 'p'),
        steward_private.embedding_of(
            v_model, format('finish_%s.vectors[i.first + p.vector]', v_space.space_id)
        ),
        steward_private.key_match(v_source, 'd', 'i'),
        v_source.mark_tables[3],
        case
            when v_source.keep_history > interval '0'
                then format(
                    $sql$
    kept_documents as (
        insert into %1$s (
            %3$s, revision, content_hash, chunk_ids, starts, ends, headings, shown, policy_version,
            valid_from, decided_at, superseded_at
        )
        select
            %4$s, b.revision, b.content_hash, b.chunk_ids, b.starts, b.ends, b.headings, b.shown,
            b.policy_version, b.valid_from, b.decided_at, coalesce(b.retired_at, v_now)
        from before as b
        left join stored as d on %5$s
        where
            -- as long as it shows the same, it is the same
            (b.state = 'row' and d.valid_from is distinct from b.valid_from)
            or (b.state = 'gone' and %6$L)
    ),

    kept_chunks as (
        insert into %2$s (
            chunk_id, %3$s, chunk, prefix, chunk_hash, embedding, embedded_at, superseded_at
        )
        select
            r.chunk_id, %7$s, r.chunk, r.prefix, r.chunk_hash, r.embedding, r.embedded_at, v_now
        from removed as r
    ),
                    $sql$,
                    v_space.revision_table,
                    v_space.past_table,
                    v_columns,
                    steward_private.key_list(v_source, 'b'),
                    steward_private.key_match(v_source, 'd', 'b'),
                    v_source.on_delete = 'drop',
                    steward_private.key_list(v_source, 'r')
                )
            else ''
        end,
        steward_private.compared_statement(v_source, v_space),
        -- where no history is kept, not of what was said either
        case when v_source.keep_history = interval '0' then '- ''guards''' else '' end
    );
    execute format(
        'create or replace function steward_private.finish_%s('
        'tokens bigint[], firsts integer[], vectors %s[], dimensions integer) '
        'returns table (token bigint, outcome text) '
        'language plpgsql volatile parallel unsafe security invoker '
        'set search_path = pg_catalog, pg_temp set enable_seqscan = off '
        'set enable_indexscan = off set enable_indexonlyscan = off as %L',
        v_space.space_id, steward_private.vector_type(), v_body
    );
    execute format(
        'revoke all on function steward_private.finish_%s(bigint[], integer[], %s[], integer) '
        'from public',
        v_space.space_id, steward_private.vector_type()
    );
end
$function$;
