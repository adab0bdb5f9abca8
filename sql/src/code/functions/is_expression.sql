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
    -- what stands outside of quotation marks, with $ where one begins
    v_bare text := '';
begin
    -- this takes its time
    if v_length > 20000 then
        return false;
    end if;

    while v_at <= v_length loop
        v_char := substr(v_text, v_at, 1);

        if v_quote is null then
            -- Nothing that PostgreSQL and this could read in two ways: x'1f', U&"...", names in other
            -- letters, a quotation that goes on after a new line. PostgreSQL writes none of these.
            if ascii(v_char) > 126 then
                return false;
            elsif v_char in ('''', '"') then
                if v_bare ~ '[$][[:space:]]*[eE]?$' then
                    return false;
                elsif v_char = '''' and v_bare ~ '(^|[^a-zA-Z0-9_])[eE]$' then
                    v_quote := 'E';
                elsif v_bare ~ '[a-zA-Z0-9_&]$' then
                    return false;
                else
                    v_quote := v_char;
                end if;
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

            v_bare := v_bare || case when v_quote is null then v_char else '$' end;
        elsif v_char = chr(92) and v_quote <> '"' then
            -- in a plain one it depends on a setting what it means
            if v_quote <> 'E' then
                return false;
            end if;

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
