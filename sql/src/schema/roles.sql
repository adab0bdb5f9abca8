-- Roles belong to the cluster, not to the database: another database may have made them already.
do $do$
declare
    v_role text;
    v_member text;
begin
    foreach v_role in array array[
        'steward_reader', 'steward_operator', 'steward_worker', 'steward_admin'
    ] loop
        if to_regrole(v_role) is null then
            execute format('create role %I nologin', v_role);
        end if;
    end loop;

    for v_role, v_member in
        values
        ('steward_reader', 'steward_admin'),
        ('steward_operator', 'steward_admin'),
        -- what pg_cron runs for an operator is a worker's work
        ('steward_worker', 'steward_operator')
    loop
        if not pg_has_role(v_member, v_role, 'member') then
            execute format('grant %I to %I', v_role, v_member);
        end if;
    end loop;
end
$do$;
