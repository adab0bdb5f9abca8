-- Whether no ordinary role can make code run by the use of a type: a check of a domain, a cast, an
-- operator. Only the owner of a type can add those.
create or replace function steward_private.is_trusted_type(type_oid oid)
returns boolean
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    with recursive part as (
        select is_trusted_type.type_oid as oid
        union
        select related.oid
        from part
        inner join pg_type as t on t.oid = part.oid
        left join pg_range as r on t.oid in (r.rngtypid, r.rngmultitypid)
        cross join
            unnest(array[t.typbasetype, t.typelem, r.rngsubtype, r.rngtypid]) as related (oid)
        where related.oid <> 0
    )

    select
        bool_and(
            t.typtype <> 'c'
            and (
                t.typnamespace = 'pg_catalog'::regnamespace
                or o.rolsuper
                or t.typowner = (
                    select c.relowner
                    from pg_class as c
                    where c.oid = 'steward_private.source'::regclass
                )
            )
        )
    from part
    inner join pg_type as t on t.oid = part.oid
    inner join pg_roles as o on o.oid = t.typowner;
end;
