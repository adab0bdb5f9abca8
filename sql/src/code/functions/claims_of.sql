-- What there is of some claims: their space, or none when they are held no longer.
create or replace function steward_private.claims_of(tokens bigint[])
returns table (space_id integer, tokens bigint[])
language sql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select
        c.space_id,
        array_agg(t.token) as tokens
    from (select distinct t.token from unnest(claims_of.tokens) as t (token)) as t
    left join steward_private.claim as c on c.token = t.token
    group by c.space_id
    order by c.space_id;
end;
