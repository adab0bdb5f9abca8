-- Many texts are planned in one call: plan_documents() is made by the code that follows.

drop function steward_private.plan_chunks(text, jsonb, jsonb);
