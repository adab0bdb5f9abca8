create or replace function steward.significance(
    similarity double precision default 0.95,
    normalise text[] default array['unicode', 'space'],
    guards text[] default array['numbers', 'dates', 'negations', 'names', 'headings'],
    languages text[] default array['en', 'de', 'fr', 'it'],
    negations text[] default array[]::text[],
    structure boolean default true,
    cosine double precision default null,
    cosine_by text default 'chunk',
    always text[] default array[]::text[]
)
returns jsonb
language sql
stable parallel unsafe
-- definer: what checks it is a function of pg_steward's own
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select
        steward._policy(
            null,
            jsonb_build_object(
                'similarity', significance.similarity,
                'normalise', significance.normalise,
                'guards', significance.guards,
                'languages', significance.languages,
                'negations', significance.negations,
                'structure', significance.structure,
                'cosine', significance.cosine,
                'cosine_by', significance.cosine_by,
                'always', significance.always
            )
        ) -> 'significance';
end;

comment on function steward.significance(
    double precision, text[], text[], text[], text[], boolean, double precision, text, text[]
) is
'A policy for steward.track() and steward.alter(): which changes of a text are worth a new vector. '
'similarity: how alike two texts have to be to share a vector, from 0 to 1; 1: equal after '
'normalisation; null: equal to the letter. normalise: what makes no difference, of unicode, space, '
'case and punctuation. guards: what counts however small, of numbers, dates, negations, names, '
'headings and references (a number after a word such as Section). languages: whose words these '
'know, of en, de, fr and it. negations: more words that negate; those of the languages include '
'words that bind or allow, such as must and may, and those that turn into their opposite, such as '
'before and after. structure: a paragraph that is new, '
'gone or not alike counts. cosine: how near the new vector has to be to the old one for the '
'old one to stay, where the texts alone could not decide; cosine_by: of each chunk, the lead '
'chunk, the centroid, or pairwise the nearest. always: parts of the content of which every '
'change counts. Raises invalid_parameter_value. For steward_operator.';
