create or replace function steward._policy(chunking jsonb, significance jsonb)
returns jsonb
language sql
stable parallel unsafe
-- definer: what checks them is a function of pg_steward's own
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select case
        when steward_private.has_python()
            then jsonb_build_object(
                'chunking', steward_private.check_chunking(_policy.chunking),
                'significance', steward_private.check_policy(_policy.significance)
            )
        -- whoever cuts the texts will check them
        else jsonb_build_object(
            'chunking', coalesce(_policy.chunking, '{}'),
            'significance', coalesce(_policy.significance, '{}')
        )
    end;
end;

comment on function steward._policy(jsonb, jsonb) is
'Part of steward.track(): the options with every default written out.';
