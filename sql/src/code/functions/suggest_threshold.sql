create or replace function steward.suggest_threshold(
    source regclass,
    cosine double precision default 0.95,
    share double precision default 0.99,
    evidence integer default 30,
    since timestamptz default null
)
returns table (
    threshold numeric,
    pairs bigint,
    agreeing bigint,
    agreement numeric,
    pairs_above bigint,
    agreement_above numeric,
    is_suggested boolean
)
language plpgsql
stable parallel safe
-- definer: the registry belongs to pg_steward; only numbers leave
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_source steward_private.source := steward_private.source_of(suggest_threshold.source);
begin
    if suggest_threshold.cosine is null or suggest_threshold.cosine not between 0 and 1
        or suggest_threshold.share is null or suggest_threshold.share not between 0 and 1
        or suggest_threshold.evidence is null or suggest_threshold.evidence < 1
    then
        raise exception 'this is nothing to judge a threshold by'
            using errcode = 'invalid_parameter_value',
            hint = 'cosine and share are from 0 to 1, evidence is at least 1.';
    end if;

    return query
    with pair as (
        select
            (floor((p.value ->> 0)::numeric * 100) / 100)::numeric(3, 2) as bucket,
            (p.value ->> 1)::numeric >= suggest_threshold.cosine as agrees
        from steward_private.space as s
        inner join steward_private.decision as d on d.space_id = s.space_id
        cross join lateral jsonb_array_elements(d.details -> 'pairs') as p
        where
            s.source_id = v_source.source_id
            and s.state = 'active'
            and (suggest_threshold.since is null or d.decided_at >= suggest_threshold.since)
    ),

    bucket as (
        select
            p.bucket,
            count(*) as pairs,
            count(*) filter (where p.agrees) as agreeing
        from pair as p
        group by p.bucket
    ),

    above as (
        select
            b.*,
            sum(b.pairs) over w::bigint as pairs_above,
            sum(b.agreeing) over w / sum(b.pairs) over w as share_above
        from bucket as b
        window w as (order by b.bucket desc)
    )

    select
        a.bucket,
        a.pairs,
        a.agreeing,
        round(a.agreeing::numeric / a.pairs, 4),
        a.pairs_above,
        round(a.share_above, 4),
        a.bucket is not distinct from min(a.bucket) filter (
            where
                a.share_above >= suggest_threshold.share
                and a.pairs_above >= suggest_threshold.evidence
        ) over ()
    from above as a
    order by a.bucket desc;
end
$function$;

comment on function steward.suggest_threshold(
    regclass, double precision, double precision, integer, timestamptz
) is
'Which text similarity of a policy suits a source and its model, by the changed chunks that were '
'embedded: of each it is recorded how alike old and new text are and how near their vectors. A row '
'for each hundredth of similarity, the most alike first: how many pairs, how many of them have at '
'least that cosine (agreeing), and the same of all pairs from there up. Suggested is the lowest '
'threshold from which up at least that share agrees; none, while there are fewer pairs than '
'evidence says. For steward_operator.';
