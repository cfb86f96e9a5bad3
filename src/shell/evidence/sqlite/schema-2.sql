-- What is searched for: each word of a field once, and which records have it.
CREATE TABLE word (
    id INTEGER PRIMARY KEY,
    field TEXT NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (field, text)
);
CREATE TABLE found (
    word INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (word, sequence)
) WITHOUT ROWID;
INSERT OR IGNORE INTO word (field, text)
    SELECT fact.key, fact.value
    FROM record, json_each(CASE WHEN json_valid(body) THEN body ELSE '{}' END) AS fact
    WHERE fact.type = 'text' AND fact.key IN ('mac', 'address', 'asset', 'host', 'identity',
        'section', 'site', 'switch', 'place', 'environment', 'outcome', 'reason', 'event', 'session');
INSERT OR IGNORE INTO found (word, sequence)
    SELECT word.id, record.sequence
    FROM record, json_each(CASE WHEN json_valid(body) THEN body ELSE '{}' END) AS fact
    JOIN word ON word.field = fact.key AND word.text = fact.value
    WHERE fact.type = 'text';
DROP INDEX record_mac;
DROP INDEX record_address;
DROP INDEX record_asset;
DROP INDEX record_host;
DROP INDEX record_identity;
DROP INDEX record_section;
DROP INDEX record_place;
DROP INDEX record_switch;
DROP INDEX record_site;
DROP INDEX record_environment;
DROP INDEX record_reason;
DROP INDEX record_event;
DROP INDEX record_session;
ALTER TABLE record DROP COLUMN mac;
ALTER TABLE record DROP COLUMN address;
ALTER TABLE record DROP COLUMN asset;
ALTER TABLE record DROP COLUMN host;
ALTER TABLE record DROP COLUMN identity;
ALTER TABLE record DROP COLUMN section;
ALTER TABLE record DROP COLUMN site;
ALTER TABLE record DROP COLUMN switch;
ALTER TABLE record DROP COLUMN place;
ALTER TABLE record DROP COLUMN environment;
ALTER TABLE record DROP COLUMN outcome;
ALTER TABLE record DROP COLUMN reason;
ALTER TABLE record DROP COLUMN event;
ALTER TABLE record DROP COLUMN session;
