-- An operator of a btree operator class by the number of its strategy: 1 less, 3 equal, 5 greater.
create or replace function steward_private.class_operator(class_oid oid, strategy integer)
returns text
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
begin atomic
    select format('operator(%I.%s)', n.nspname, o.oprname)
    from pg_opclass as oc
    inner join pg_amop as ao
        on
            ao.amopfamily = oc.opcfamily
            and ao.amoplefttype = oc.opcintype
            and ao.amoprighttype = oc.opcintype
            and ao.amopstrategy = class_operator.strategy
    inner join pg_operator as o on o.oid = ao.amopopr
    inner join pg_namespace as n on n.oid = o.oprnamespace
    where oc.oid = class_operator.class_oid;
end;
