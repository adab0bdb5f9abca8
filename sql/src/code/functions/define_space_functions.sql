-- The functions that work on the tables of a space, many rows at a time. Generated, so that their
-- statements are planned once in a session. Bodies are passed as literals: a column called $body$
-- must not end them.
create or replace function steward_private.define_space_functions(
    source steward_private.source, space steward_private.space
)
returns void
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := define_space_functions.source;
    v_space steward_private.space := define_space_functions.space;
    v_columns text := replace(steward_private.key_list(v_source, 't'), 't.', '');
    v_body text;
begin
    -- The next ready jobs of a lane, locked: they are the caller's until the end of the transaction.
    v_body := format(
        $sql$
begin
    return query
    with due as materialized (
        select t.ctid as place, t.generation, t.position, %2$s
        from %1$s as t
        where
            t.lane = due_%3$s.lane
            and t.position >= coalesce(
                (
                    select case when due_%3$s.lane = 1 then h.live else h.backfill end
                    from steward_private.horizon as h
                    where h.space_id = %3$s
                    order by h.horizon_id desc
                    limit 1
                ),
                0
            )
        order by t.position
        limit amount
        for update skip locked
    )

    select %4$s, due.generation, due.place from due order by due.position;
end
        $sql$,
        v_space.job_table,
        steward_private.key_list(v_source, 't'),
        v_space.space_id,
        steward_private.key_object(v_source, 'due')
    );
    execute format(
        'create or replace function steward_private.due_%s(lane integer, amount integer) '
        'returns table (key jsonb, generation bigint, place tid) '
        'language plpgsql volatile parallel unsafe security invoker '
        'set search_path = pg_catalog, pg_temp set extra_float_digits = 3 '
        'set enable_seqscan = off set enable_sort = off as %L',
        v_space.space_id, v_body
    );

    -- What is stored of some documents: the revision, and the chunks with their places.
    v_body := format(
        $sql$
begin
    return query
    select
        k.ordinality,
        d.revision,
        (
            select jsonb_agg(
                jsonb_build_object(
                    'chunk_id', c.chunk_id,
                    'ordinal', coalesce(array_position(d.chunk_ids, c.chunk_id), 0) - 1,
                    'chunk_hash', encode(c.chunk_hash, 'hex'),
                    -- what its vector was made of, whatever is shown by now
                    'text', coalesce(c.prefix || E'\n\n', '') || c.chunk,
                    'prefix', c.prefix,
                    -- by another version of the policy it would not count
                    'accepted', case
                        when d.policy_version = %8$s
                            then d.shown[array_position(d.chunk_ids, c.chunk_id)]
                    end
                )
                order by c.chunk_id
            )
            from %2$s as c
            where %5$s
        )::text
    from rows from (jsonb_to_recordset(known_%6$s.keys) as (%3$s)) with ordinality as k (%7$s)
    inner join %1$s as d on %4$s;
end
        $sql$,
        v_space.doc_table,
        v_space.chunk_table,
        steward_private.key_record_columns(v_source),
        steward_private.key_match(v_source, 'd', 'k'),
        steward_private.key_match(v_source, 'c', 'd'),
        v_space.space_id,
        v_columns || ', ordinality',
        v_source.policy_version
    );
    execute format(
        'create or replace function steward_private.known_%s(keys jsonb) '
        'returns table ("position" bigint, revision integer, known text) '
        'language plpgsql stable parallel unsafe security invoker '
        'set search_path = pg_catalog, pg_temp set enable_seqscan = off '
        'set enable_indexscan = off set enable_indexonlyscan = off as %L',
        v_space.space_id, v_body
    );

    -- Claims the jobs of some keys, which the caller has locked, and knows where they stand: under a
    -- key there may be many dead ones. plans: as plan_documents() makes them, or the content that one
    -- is to be made of; null for rows that are gone. Returns the tokens in the order of the keys.
    v_body := format(
        $sql$
declare
    v_tokens bigint[];
begin
    with item as materialized (
        select
            nextval('steward_private.claim_token_seq') as token,
            i.key, i.generation, i.place, i.plan::jsonb as plan, i.revision, i.n
        from unnest(
            array(select e.value from jsonb_array_elements(claim_%2$s.keys) as e),
            claim_%2$s.generations, claim_%2$s.places, claim_%2$s.plans, claim_%2$s.revisions
        ) with ordinality as i (key, generation, place, plan, revision, n)
        where i.generation is not null
    ),

    claimed as (
        insert into steward_private.claim (
            token, space_id, key, generation, worker, claimed_at, lease_expires_at,
            plan, revision, policy_version, texts, characters
        )
        select
            i.token, %2$s, i.key, i.generation, claim_%2$s.worker, clock_timestamp(),
            claim_%2$s.lease_expires_at, i.plan, i.revision, claim_%2$s.policy_version,
            case
                when i.plan ? 'content' then -1
                else coalesce(jsonb_array_length(i.plan -> 'texts'), 0)
            end,
            coalesce(
                (select sum(length(t.value)) from jsonb_array_elements_text(i.plan -> 'texts') as t), 0
            )
        from item as i
    ),

    taken as (
        update %1$s as t
        set token = i.token, position = null, attempts = t.attempts + 1
        from item as i
        where t.ctid = i.place and t.generation = i.generation
    )

    select array_agg(i.token order by i.n) into v_tokens from item as i;

    return v_tokens;
end
        $sql$,
        v_space.job_table,
        v_space.space_id
    );
    execute format(
        'create or replace function steward_private.claim_%s('
        'worker text, lease_expires_at timestamptz, keys jsonb, generations bigint[], places tid[], '
        'plans text[], revisions integer[], policy_version integer) returns bigint[] '
        'language plpgsql volatile parallel unsafe security invoker '
        'set search_path = pg_catalog, pg_temp set enable_seqscan = off '
        'set enable_indexscan = off set enable_indexonlyscan = off as %L',
        v_space.space_id, v_body
    );

    perform steward_private.define_finish_function(v_source, v_space);

    execute format(
        'revoke all on function steward_private.due_%1$s(integer, integer), '
        'steward_private.known_%1$s(jsonb), '
        'steward_private.claim_%1$s('
        'text, timestamptz, jsonb, bigint[], tid[], text[], integer[], integer) '
        'from public',
        v_space.space_id
    );
end
$function$;
