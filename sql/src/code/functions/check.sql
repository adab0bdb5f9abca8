create or replace function steward.check()
returns table (item text, status text, detail text, hint text)
language plpgsql
stable parallel unsafe
-- definer: looks at the catalogs, and tells no more than names and versions
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_version text;
    v_parts integer[];
begin
    item := 'pg_steward';
    status := 'ok';
    detail := format(
        'version %s on PostgreSQL %s', steward.version(), current_setting('server_version')
    );
    hint := null;
    return next;

    item := 'pgvector';
    select e.extversion into v_version from pg_extension as e where e.extname = 'vector';
    v_parts := string_to_array(substring(v_version from '^\d+\.\d+\.\d+'), '.')::integer[];
    if v_version is null then
        status := 'missing';
        detail := 'needed to store vectors';
        hint := 'Run: create extension vector;';
    elsif v_parts < array[0, 8, 0] then
        status := 'critical';
        detail := format('version %s', v_version);
        hint := 'Version 0.8.0 or later is needed.';
    elsif v_parts < array[0, 8, 4] then
        status := 'warning';
        detail := format('version %s', v_version);
        hint := '0.8.4 mends damage to hnsw indexes under inserts, deletes and vacuum, and 0.8.2 a '
            'leak in their parallel build (CVE-2026-3172): upgrade before you build one.';
    else
        status := 'ok';
        detail := format('version %s', v_version);
        hint := null;
    end if;
    return next;

    item := 'plpython3u';
    if exists (
        select from pg_proc as p
        inner join pg_language as l on l.oid = p.prolang
        where p.oid = 'steward._load_python()'::regprocedure and l.lanname = 'plpython3u'
    ) then
        status := 'ok';
        detail := 'chunking and the built-in model run in the database';
        hint := null;
    else
        status := 'missing';
        detail := 'no chunking and no built-in model in the database';
        hint := 'As a superuser, run: create extension plpython3u; select steward.enable_python();';
    end if;
    return next;

    item := 'roles';
    select string_agg(r.role_name, ', ') into v_version
    from unnest(array[
        'steward_reader', 'steward_operator', 'steward_worker', 'steward_admin'
    ]) as r (role_name)
    where to_regrole(r.role_name) is null;
    status := case when v_version is null then 'ok' else 'critical' end;
    detail := case
        when v_version is null then 'reader, operator, worker and admin exist'
        else format('missing: %s', v_version)
    end;
    hint := case
        when v_version is not null
            then 'Restore the roles of the cluster (pg_dumpall --roles-only) and run the grants again.'
    end;
    return next;
end
$function$;

comment on function steward.check() is
'Is everything in place? One row per part: ok, warning, missing (something optional is not there) '
'or critical, with what to do about it.';
