create or replace function steward.chunk(content text, chunking jsonb default null)
returns table (
    ordinal integer,
    chunk text,
    heading_path text,
    start_offset integer,
    end_offset integer,
    tokens integer,
    chunk_hash text
)
language plpython3u
stable parallel unsafe
rows 10
-- definer: reads nothing; whoever may call it need not be able to call the loader
security definer
set search_path = pg_catalog, pg_temp
as $python$
# import steward_py
return steward_py.entry.chunk(plpy, content, chunking)
$python$;

comment on function steward.chunk(text, jsonb) is
'Cuts a text into chunks, as a source with the same chunking does. Offsets count characters '
'from 0, end_offset is behind the last: substr(content, start_offset + 1, end_offset - '
'start_offset) is the chunk, and nothing but white space lies between two. tokens and '
'chunk_hash (SHA-256) are of what is sent to the model. chunking is an object; all of it can be '
'left out. strategy: stable (the default: boundaries that stay where they are when the text is '
'edited), recursive (the chunks of RecursiveCharacterTextSplitter in langchain-text-splitters), '
'fixed (every so many characters), sentence (whole sentences), markdown (whole lists, tables '
'and code, a section at a time). size: 600 by default; what a chunk should have, with '
'recursive and fixed the most it may have. minimum and maximum (stable, sentence, markdown): a '
'third and five quarters of size by default. overlap (recursive, fixed): 0 by default. separators '
'(recursive): an array, tried in order; an empty one, added if it is missing, is everywhere. '
'unit: characters (the default) or tokens; size is 150 then. tokenizer: estimate (the default, '
'off by about 6 % for English and up to 26 % for other languages by the tokens of OpenAI), '
'tiktoken:NAME or tokenizers:PATH, if the Python of the server has that package. headings: true '
'puts the path of headings before the text that is sent. For steward_admin.';
