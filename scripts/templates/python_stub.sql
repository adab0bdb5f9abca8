declare
    v_present constant boolean := exists (
        select from pg_catalog.pg_language where lanname operator(pg_catalog.=) 'plpython3u'
    );
begin
    raise exception '@function@ requires PL/Python'
        using
            errcode = 'feature_not_supported',
            detail = case
                when v_present then 'It was defined without the language plpython3u.'
                else 'The language plpython3u is not installed in this database.'
            end,
            hint = case
                when v_present then 'As a superuser, run: select steward.enable_python();'
                else 'As a superuser, run: create extension plpython3u; '
                    'select steward.enable_python();'
            end;
end
