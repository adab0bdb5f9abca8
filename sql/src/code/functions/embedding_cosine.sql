-- The expression for the cosine of two vectors as they are stored, whatever search orders by. Of
-- bits it is that of the angle which their signs let expect.
create or replace function steward_private.embedding_cosine(
    model steward_private.model, a text, b text
)
returns text
language sql
stable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
return case (embedding_cosine.model).storage
    when 'bit'
        then
            format(
                'cos(pi() * (%s %s %s) / %s)',
                embedding_cosine.a, steward_private.vector_operator('<~>'), embedding_cosine.b,
                (embedding_cosine.model).dimensions
            )
    else format(
        '1 - (%s %s %s)',
        embedding_cosine.a, steward_private.vector_operator('<=>'), embedding_cosine.b
    )
end;
