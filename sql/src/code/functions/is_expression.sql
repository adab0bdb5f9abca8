-- Whether a text is complete in itself between two parentheses: no end of a statement, no comment,
-- no parenthesis or quotation mark without its other one, and no query. What _describe_content()
-- returns is; but whoever may call the second part of steward.track() may call it with anything.
create or replace function steward_private.is_expression(expression text)
returns boolean
language plpgsql
immutable parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_text text := is_expression.expression;
    v_length integer := length(v_text);
    v_at integer := 1;
    v_char text;
    v_depth integer := 0;
    v_quote text;
    -- what stands outside of quotation marks
    v_bare text := '';
begin
    while v_at <= v_length loop
        v_char := substr(v_text, v_at, 1);

        if v_quote is null then
            if v_char = '''' and v_bare ~ '(^|[^[:alnum:]_])[eE]$' then
                v_quote := 'E';
            elsif v_char in ('''', '"') then
                -- x'1f', U&"...": not what PostgreSQL writes
                if v_bare ~ '[[:alnum:]_&]$' then
                    return false;
                end if;
                v_quote := v_char;
            elsif v_char in (';', '$', chr(92)) or substr(v_text, v_at, 2) in ('--', '/*') then
                return false;
            elsif v_char = '(' then
                v_depth := v_depth + 1;
            elsif v_char = ')' then
                v_depth := v_depth - 1;

                if v_depth < 0 then
                    return false;
                end if;
            end if;

            v_bare := v_bare || case when v_quote is null then v_char else ' ' end;
        elsif v_quote = 'E' and v_char = chr(92) then
            v_at := v_at + 1;
        elsif v_char = (case v_quote when 'E' then '''' else v_quote end) then
            if substr(v_text, v_at + 1, 1) = v_char then
                v_at := v_at + 1;
            else
                v_quote := null;
            end if;
        end if;

        v_at := v_at + 1;
    end loop;

    return
        v_quote is null
        and v_depth = 0
        and regexp_replace(v_bare, '[[:<:]]with time zone[[:>:]]', '', 'g')
        !~* '[[:<:]](select|with|values|table)[[:>:]]';
end
$function$;
