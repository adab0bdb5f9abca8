-- Takes claims of a space away from their worker. class: item and lost are charged to the row;
-- transient is if the provider has answered others since the row last failed; rate_limit,
-- configuration and released are not. wait: until the row may be claimed again; null: as usual.
-- Outcomes: pending, failed, busy when somebody has the job locked, stale when it is another's.
create or replace function steward_private.give_back(
    space_id integer, tokens bigint[], error text, class text, wait interval
)
returns table (token bigint, outcome text)
language plpgsql
volatile parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_space steward_private.space;
    v_source steward_private.source;
    v_error text := left(give_back.error, 2000);
begin
    select s.* into strict v_space
    from steward_private.space as s
    where s.space_id = give_back.space_id;
    v_source := steward_private.source_of_space(v_space);

    if not steward_private.touch_source(v_source.source_id) then
        return query select t.token, 'busy' from unnest(give_back.tokens) as t (token);
        return;
    end if;

    return query execute format(
        $sql$
        with item as materialized (
            select c.token, c.key as claim_key, c.generation as claimed, c.claimed_at, k.*
            from steward_private.claim as c
            cross join lateral %2$s as k
            where c.token = any($1)
        ),

        held as materialized (
            select
                i.token,
                t.queued_at,
                case t.lane when 1 then 'edit' else 'backfill' end as lane,
                case
                    when $4 in ('item', 'lost') then true
                    when $4 <> 'transient' or t.last_failed_at is null then false
                    else exists (
                        select from steward_private.decision as d
                        where
                            d.space_id = $2 and d.outcome = 'embedded'
                            and d.decided_at > t.last_failed_at
                    )
                end as is_charged
            from item as i
            inner join %1$s as t on %3$s and t.token = i.token
            for update of t skip locked
        ),

        returned as (
            update %1$s as t
            set
                token = null,
                attempts = case
                    -- a text that was edited since the claim deserves attempts of its own
                    when t.generation <> i.claimed then 0
                    when h.is_charged then t.attempts
                    else greatest(t.attempts - 1, 0)
                end,
                setbacks = case when $4 = 'transient' then least(t.setbacks + 1, 30) else t.setbacks end,
                failed_at = case
                    when h.is_charged and t.generation = i.claimed
                        and t.attempts >= steward_private.max_attempts()
                        then clock_timestamp()
                end,
                available_at = case
                    when not (
                        h.is_charged and t.generation = i.claimed
                        and t.attempts >= steward_private.max_attempts()
                    )
                        then clock_timestamp() + coalesce(
                            $5,
                            case
                                -- 15 s, 1 min, 4 min
                                when $4 in ('item', 'lost')
                                    then interval '15 seconds' * 4 ^ (t.attempts - 1)
                                -- 2 s, 4 s ... 15 min
                                when $4 = 'transient'
                                    then least(
                                        interval '2 seconds' * 2 ^ t.setbacks, interval '15 minutes'
                                    )
                                else interval '0'
                            end
                            -- not all at once again
                            * (1 + random() / 5)
                        )
                end,
                last_failed_at = case when $4 = 'released' then t.last_failed_at else clock_timestamp() end,
                last_error = case when $4 = 'released' then t.last_error else $3 end,
                error_class = case when $4 = 'released' then t.error_class else $4 end
            from item as i
            inner join held as h on h.token = i.token
            where %3$s
            returning i.token, t.failed_at is not null as is_failed
        ),

        there as materialized (
            select i.token from item as i inner join %1$s as t on %3$s and t.token = i.token
        ),

        outcome as materialized (
            select
                i.token,
                case
                    when r.is_failed then 'failed'
                    when r.token is not null then 'pending'
                    when t.token is not null then 'busy'
                    else 'stale'
                end as outcome
            from item as i
            left join returned as r on r.token = i.token
            left join there as t on t.token = i.token
        ),

        decided as (
            insert into steward_private.decision (
                space_id, key, outcome, reason, lane, changed_at, claimed_at
            )
            select $2, i.claim_key, 'failed', $3, h.lane, h.queued_at, i.claimed_at
            from outcome as o
            inner join item as i on i.token = o.token
            inner join held as h on h.token = o.token
            where o.outcome = 'failed'
        ),

        tallied as (
            insert into steward_private.tally (space_id, failed)
            select $2, count(*) from outcome as o where o.outcome = 'failed' having count(*) > 0
        ),

        ended as (
            delete from steward_private.claim as c
            using outcome as o
            where c.token = o.token and o.outcome <> 'busy'
        )

        select o.token, o.outcome from outcome as o
        $sql$,
        v_space.job_table,
        steward_private.key_record(v_source, 'c.key'),
        steward_private.key_match(v_source, 't', 'i')
    )
    using give_back.tokens, v_space.space_id, v_error, give_back.class, give_back.wait;

    -- What is wrong with a provider is wrong for everybody who asks it.
    if give_back.class = 'configuration' then
        update steward_private.space as s
        set problem = v_error, paused_until = 'infinity'
        where s.space_id = v_space.space_id;
    elsif give_back.class = 'rate_limit' then
        update steward_private.space as s
        set
            problem = v_error,
            setbacks = greatest(s.setbacks, 1),
            paused_until = greatest(s.paused_until, clock_timestamp() + give_back.wait)
        where s.model_name = v_space.model_name;
    elsif give_back.class = 'transient' then
        -- What was under way when the pause began tells nothing new: many requests that fail together
        -- are one failure.
        update steward_private.space as s
        set
            problem = v_error,
            setbacks = case
                when s.paused_until > clock_timestamp() then greatest(s.setbacks, 1)
                else s.setbacks + 1
            end,
            paused_until = greatest(
                s.paused_until,
                case
                    when give_back.wait is not null then clock_timestamp() + give_back.wait
                    when s.paused_until > clock_timestamp() then null
                    else
                        clock_timestamp()
                        + least(
                            interval '1 second' * 2 ^ least(s.setbacks, 20), interval '5 minutes'
                        )
                        * (1 + random() / 5)
                end
            )
        where s.space_id = v_space.space_id;
    end if;
end
$function$;
