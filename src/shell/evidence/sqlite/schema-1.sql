CREATE TABLE record (
    sequence INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    hash BLOB NOT NULL,
    body TEXT NOT NULL,
    mac TEXT AS (body ->> 'mac') VIRTUAL,
    address TEXT AS (body ->> 'address') VIRTUAL,
    asset TEXT AS (body ->> 'asset') VIRTUAL,
    host TEXT AS (body ->> 'host') VIRTUAL,
    identity TEXT AS (body ->> 'identity') VIRTUAL,
    section TEXT AS (body ->> 'section') VIRTUAL,
    site TEXT AS (body ->> 'site') VIRTUAL,
    switch TEXT AS (body ->> 'switch') VIRTUAL,
    place TEXT AS (body ->> 'place') VIRTUAL,
    environment TEXT AS (body ->> 'environment') VIRTUAL,
    outcome TEXT AS (body ->> 'outcome') VIRTUAL,
    reason TEXT AS (body ->> 'reason') VIRTUAL,
    event TEXT AS (body ->> 'event') VIRTUAL,
    session TEXT AS (body ->> 'session') VIRTUAL
);
CREATE INDEX record_time ON record (time_ms);
CREATE INDEX record_mac ON record (mac) WHERE mac IS NOT NULL;
CREATE INDEX record_address ON record (address) WHERE address IS NOT NULL;
CREATE INDEX record_asset ON record (asset) WHERE asset IS NOT NULL;
CREATE INDEX record_host ON record (host) WHERE host IS NOT NULL;
CREATE INDEX record_identity ON record (identity) WHERE identity IS NOT NULL;
CREATE INDEX record_section ON record (section) WHERE section IS NOT NULL;
CREATE INDEX record_place ON record (place) WHERE place IS NOT NULL;
CREATE INDEX record_switch ON record (switch) WHERE switch IS NOT NULL;
CREATE INDEX record_site ON record (site) WHERE site IS NOT NULL;
CREATE INDEX record_environment ON record (environment) WHERE environment IS NOT NULL;
CREATE INDEX record_reason ON record (reason) WHERE reason IS NOT NULL;
CREATE INDEX record_event ON record (event) WHERE event IS NOT NULL;
CREATE INDEX record_session ON record (session) WHERE session IS NOT NULL;
CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    switch TEXT NOT NULL,
    place TEXT NOT NULL,
    mac TEXT NOT NULL,
    session TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    end_ms INTEGER,
    cause TEXT,
    address TEXT,
    input_octets INTEGER NOT NULL,
    output_octets INTEGER NOT NULL,
    asset TEXT,
    environment TEXT,
    vlan INTEGER
) STRICT;
CREATE INDEX session_key ON session (switch, session, mac);
CREATE INDEX session_open ON session (switch, start_ms) WHERE end_ms IS NULL;
CREATE INDEX session_mac ON session (mac);
CREATE INDEX session_asset ON session (asset) WHERE asset IS NOT NULL;
CREATE INDEX session_address ON session (address) WHERE address IS NOT NULL;
CREATE INDEX session_end ON session (end_ms);
CREATE TABLE copy (
    copy INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX copy_time ON copy (time_ms);
CREATE TABLE seal (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    day TEXT NOT NULL,
    node TEXT NOT NULL,
    before BLOB NOT NULL,
    head BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;
CREATE TABLE origin (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO origin VALUES (1, 0, zeroblob(32));
CREATE TABLE spool (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    epoch INTEGER NOT NULL,
    taken INTEGER NOT NULL
) STRICT;
