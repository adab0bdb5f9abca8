create or replace function steward.simulate(
    source regclass, significance jsonb, since timestamptz default null
)
returns table (
    key jsonb,
    revision integer,
    changed_at timestamptz,
    outcome text,
    chunks_embedded integer,
    characters integer,
    cost numeric,
    simulated_outcome text,
    simulated_chunks integer,
    simulated_characters integer,
    simulated_cost numeric,
    details jsonb
)
language plpgsql
-- stable: all of it in one snapshot, so that nothing is pruned under it
stable parallel unsafe
-- definer: what is gone belongs to no row whose policies could decide; see require_sight_of_all()
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 3
as $function$
declare
    v_source steward_private.source := steward_private.source_of(simulate.source);
    v_space steward_private.space;
    v_policy jsonb;
    v_price numeric;
begin
    perform steward_private.require_sight_of_all(v_source);
    v_policy := steward_private.check_policy(simulate.significance);

    select s.* into strict v_space
    from steward_private.space as s
    where s.source_id = v_source.source_id and s.state = 'active';

    select m.price into strict v_price
    from steward_private.model as m
    where m.model_name = v_space.model_name;

    return query execute format(
        $sql$
        with state as (
            select
                %5$s, d.revision, d.chunk_ids, d.starts, d.headings, d.shown, d.policy_version,
                d.valid_from, d.retired_at as ended_at
            from %1$s as d
            union all
            select
                %5$s, d.revision, d.chunk_ids, d.starts, d.headings, d.shown, d.policy_version,
                d.valid_from, d.superseded_at
            from %2$s as d
        ),

        document as (
            select
                %6$s as key,
                array_agg(s.valid_from order by s.valid_from, s.revision) as moments,
                jsonb_agg(
                    jsonb_build_object(
                        'revision', s.revision,
                        'begins', extract(epoch from s.valid_from),
                        'ends', extract(epoch from s.ended_at),
                        'parts', $4,
                        'headings', (
                            select p.chunking -> 'headings'
                            from steward_private.policy as p
                            where p.source_id = $5 and p.policy_version = s.policy_version
                        ),
                        'chunks', (
                            select coalesce(
                                jsonb_agg(
                                    jsonb_build_object(
                                        'chunk_id', o.chunk_id,
                                        'start', o.start,
                                        'heading', o.heading,
                                        'prefix', coalesce(c.prefix, p.prefix),
                                        'vector_of', coalesce(c.chunk, p.chunk),
                                        'text', coalesce(o.shown, c.chunk, p.chunk)
                                    )
                                    order by o.n
                                ),
                                '[]'
                            )
                            from unnest(s.chunk_ids, s.starts, s.headings, s.shown)
                                with ordinality as o (chunk_id, start, heading, shown, n)
                            left join %3$s as c on c.chunk_id = o.chunk_id
                            left join %4$s as p on p.chunk_id = o.chunk_id
                        )
                    )
                    order by s.valid_from, s.revision
                ) as states
            from state as s
            where s.ended_at is null or $2 is null or s.ended_at >= $2
            group by %7$s
            having count(*) > 1
        )

        select
            d.key,
            r.revision,
            d.moments[r.n + 1],
            r.outcome,
            r.chunks_embedded,
            r.characters_embedded,
            ceil(r.characters_embedded / 4.0) * $3 / 1000000,
            r.simulated_outcome,
            r.simulated_chunks,
            r.simulated_characters,
            ceil(r.simulated_characters / 4.0) * $3 / 1000000,
            r.details
        from document as d
        cross join lateral steward_private.replay(d.states, $1) with ordinality as r (
            revision, outcome, chunks_embedded, characters_embedded,
            simulated_outcome, simulated_chunks, simulated_characters, details, n
        )
        where r.outcome is not null and ($2 is null or d.moments[r.n + 1] >= $2)
        order by d.moments[r.n + 1], d.key
        $sql$,
        v_space.doc_table,
        v_space.revision_table,
        v_space.chunk_table,
        v_space.past_table,
        steward_private.key_list(v_source, 'd'),
        steward_private.key_object(v_source, 's'),
        steward_private.key_list(v_source, 's')
    )
    using v_policy, simulate.since, v_price, to_jsonb(v_source.parts), v_source.source_id;
end
$function$;

comment on function steward.simulate(regclass, jsonb, timestamptz) is
'What would have become of the changes that history has, had another policy been in force: a row '
'for each change since a moment (null: all), with what was embedded, and what would have been. '
'outcome, simulated_outcome: embedded, skipped (accepted as not significant) or reused. cost: by '
'the price of the model, a token being four characters. details: as in steward.decisions, of the '
'simulated one. Each document begins with its first state there is, and goes on by the texts that '
'its vectors would have been made of. The cosine rule is asked after embedding, so nobody knows '
'what it would have said: what it would have been asked about is sent, counts as embedded, and its '
'number is asked_after_embedding in details. Where nobody knows any more which part of the '
'content a chunk was of, details say parts_unknown, and that every change of a part counts is '
'left out. Skips that a stricter policy would have embedded are rows with outcome = ''skipped'' '
'and simulated_outcome = ''embedded''. For steward_admin with SELECT on the table and not subject '
'to its row security.';
