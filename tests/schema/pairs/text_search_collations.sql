-- pair: ts-dictionary-created
-- from
-- to
CREATE TEXT SEARCH DICTIONARY plain_words (TEMPLATE = pg_catalog.simple, accept = 'true');
-- pair: ts-dictionary-options
-- from
CREATE TEXT SEARCH DICTIONARY stems (TEMPLATE = snowball, language = 'english');
-- to
CREATE TEXT SEARCH DICTIONARY stems (TEMPLATE = snowball, language = 'german', stopwords = 'german');
-- pair: ts-dictionary-template
-- from
CREATE TEXT SEARCH DICTIONARY d_terms (TEMPLATE = simple);
COMMENT ON TEXT SEARCH DICTIONARY d_terms IS 'terms';
-- to
CREATE TEXT SEARCH DICTIONARY d_terms (TEMPLATE = snowball, language = 'french');
COMMENT ON TEXT SEARCH DICTIONARY d_terms IS 'terms';
-- pair: ts-configuration-created
-- from
-- to
CREATE TEXT SEARCH CONFIGURATION house_en (PARSER = pg_catalog."default");
ALTER TEXT SEARCH CONFIGURATION house_en ADD MAPPING FOR asciiword, word WITH english_stem;
ALTER TEXT SEARCH CONFIGURATION house_en ADD MAPPING FOR int, uint WITH simple;
COMMENT ON TEXT SEARCH CONFIGURATION house_en IS 'house style';
-- pair: ts-configuration-mappings
-- from
CREATE TEXT SEARCH DICTIONARY our_simple (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION docs (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION docs ADD MAPPING FOR asciiword WITH our_simple;
ALTER TEXT SEARCH CONFIGURATION docs ADD MAPPING FOR email WITH simple;
-- to
CREATE TEXT SEARCH DICTIONARY our_simple (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION docs (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION docs ADD MAPPING FOR asciiword WITH our_simple, english_stem;
ALTER TEXT SEARCH CONFIGURATION docs ADD MAPPING FOR url, host WITH simple;
-- pair: ts-configuration-used-in-index-and-generated
-- from
CREATE TABLE manual (
  body text
);
-- to
CREATE TEXT SEARCH CONFIGURATION manual_cfg (COPY = pg_catalog.english);
CREATE TABLE manual (
  body text,
  vec tsvector GENERATED ALWAYS AS (to_tsvector('public.manual_cfg'::regconfig, body)) STORED
);
CREATE INDEX manual_fts ON manual USING gin (to_tsvector('public.manual_cfg'::regconfig, body));
-- pair: ts-configuration-copied-and-altered
-- from
CREATE TEXT SEARCH CONFIGURATION sv (COPY = swedish);
-- to
CREATE TEXT SEARCH CONFIGURATION sv (COPY = swedish);
ALTER TEXT SEARCH CONFIGURATION sv DROP MAPPING FOR url_path;
ALTER TEXT SEARCH CONFIGURATION sv ALTER MAPPING REPLACE swedish_stem WITH simple;
-- pair: ts-dictionary-in-other-schema
-- from
CREATE SCHEMA fts;
CREATE TEXT SEARCH DICTIONARY public.lex (TEMPLATE = simple);
-- to
CREATE SCHEMA fts;
CREATE TEXT SEARCH DICTIONARY fts.lex (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION fts.cfg (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION fts.cfg ADD MAPPING FOR word WITH fts.lex;
-- pair: collation-created-and-used
-- from
CREATE TABLE guest (
  name text
);
-- to
CREATE COLLATION plain_c (LOCALE = 'C');
CREATE TABLE guest (
  name text COLLATE plain_c
);
CREATE INDEX guest_name ON guest (name);
-- pair: collation-provider-changed (since 17)
-- from
CREATE COLLATION codepoint (PROVIDER = libc, LOCALE = 'C');
-- to
CREATE COLLATION codepoint (PROVIDER = builtin, LOCALE = 'C.UTF-8');
-- pair: collation-redefined-while-used (since 17)
-- from
CREATE COLLATION sort_it (PROVIDER = builtin, LOCALE = 'C.UTF-8');
CREATE TABLE entry (
  title text COLLATE sort_it NOT NULL
);
CREATE INDEX entry_title ON entry (title);
CREATE VIEW entry_sorted AS SELECT title FROM entry ORDER BY title COLLATE sort_it;
-- to
CREATE COLLATION sort_it (PROVIDER = builtin, LOCALE = 'PG_UNICODE_FAST');
CREATE TABLE entry (
  title text COLLATE sort_it NOT NULL
);
CREATE INDEX entry_title ON entry (title);
CREATE VIEW entry_sorted AS SELECT title FROM entry ORDER BY title COLLATE sort_it;
-- pair: collation-comment-and-schema
-- from
CREATE SCHEMA i18n;
CREATE COLLATION public.sorter (LOCALE = 'POSIX');
-- to
CREATE SCHEMA i18n;
CREATE COLLATION i18n.sorter (LOCALE = 'POSIX');
COMMENT ON COLLATION i18n.sorter IS 'moved';
