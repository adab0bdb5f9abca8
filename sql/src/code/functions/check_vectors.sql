-- vectors: of the type of pgvector, or its text form, which is then read. subject is what to call
-- them in an error: "vector" or "query vector".
create or replace function steward_private.check_vectors(
    vectors anyarray, dimensions integer, subject text
)
returns void
language plpgsql
stable parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_number integer;
    v_dimensions integer;
    v_schema text := left(steward_private.vector_type(), -length('.vector'));
begin
    if array_position(check_vectors.vectors, null) is not null then
        raise exception '% must not be null', check_vectors.subject
            using errcode = 'null_value_not_allowed',
            detail = format('It is number %s.', array_position(check_vectors.vectors, null));
    end if;

    -- the cast refuses whatever is not a list of finite numbers
    execute format(
        'select v.n, v.dimensions from ('
        'select t.n, %1$s.vector_dims(t.vector) as dimensions, %1$s.vector_norm(t.vector) as norm '
        -- offset: or the text would be read once for each of them
        'from (select u.n, u.value::%1$s.vector as vector '
        'from unnest($1) with ordinality as u (value, n) offset 0) as t) as v '
        'where v.dimensions <> $2 or v.norm = 0 order by v.n limit 1',
        v_schema
    )
    into v_number, v_dimensions
    using check_vectors.vectors, check_vectors.dimensions;

    if v_dimensions <> check_vectors.dimensions then
        raise exception '% has % dimensions, not %',
            check_vectors.subject, v_dimensions, check_vectors.dimensions
            using errcode = case check_vectors.subject when 'vector' then 'SW002' else '22000' end,
            detail = format('It is number %s.', v_number),
            hint = 'It was made by another model than the one of the source.';
    elsif v_number is not null then
        raise exception '% must not be zero', check_vectors.subject
            using errcode = 'data_exception',
            detail = format(
                'It is number %s. A vector without a direction is near to nothing.', v_number
            );
    end if;
end
$function$;
