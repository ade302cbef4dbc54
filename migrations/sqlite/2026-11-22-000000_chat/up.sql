-- Instants are milliseconds since 1970-01-01 UTC. AUTOINCREMENT: a number that was once given is never given again.

CREATE TABLE settings (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- A deleted user keeps the row, without anything personal, because messages stand under it.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL UNIQUE,
    username TEXT,
    username_key TEXT UNIQUE,
    display_name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    password TEXT,
    guest_key TEXT UNIQUE,
    picture TEXT,
    country TEXT,
    rank TEXT NOT NULL,
    network TEXT,
    created_at BIGINT NOT NULL,
    deleted BOOL NOT NULL DEFAULT FALSE
);
CREATE INDEX users_name ON users (name_key);
CREATE INDEX users_network ON users (network) WHERE network IS NOT NULL;

-- What each name looks like; a look belongs to one user.
CREATE TABLE names (
    look TEXT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id)
);
CREATE INDEX names_user ON names (user_id);

-- The id is a random number: a token names it, so that a number must never come twice, not even after a restore.
CREATE TABLE sessions (
    id BIGINT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE tickets (
    fingerprint TEXT NOT NULL PRIMARY KEY,
    session_id BIGINT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tickets_session ON tickets (session_id);
CREATE INDEX tickets_expires_at ON tickets (expires_at);

CREATE TABLE rooms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    owner BIGINT NOT NULL REFERENCES users (id),
    slow_mode BIGINT NOT NULL,
    max_length INTEGER NOT NULL,
    links BOOL NOT NULL,
    created_at BIGINT NOT NULL,
    closed_at BIGINT
);
CREATE INDEX rooms_owner ON rooms (owner);

-- Where each log ends; nothing else is here and nothing points here.
CREATE TABLE room_heads (
    room BIGINT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    last_seq BIGINT NOT NULL
);

-- The server's own log, room 0.
INSERT INTO room_heads (room, epoch, last_seq) VALUES (0, 1 + (random() & 4503599627370495), 0);

-- No foreign keys: rooms and users are never removed, and checking them would cost each message two look-ups.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    change_seq BIGINT NOT NULL,
    author BIGINT NOT NULL,
    text TEXT NOT NULL,
    kind TEXT NOT NULL,
    reply_to BIGINT,
    nonce_key TEXT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);
-- Room, author and nonce in one text: see the same place for PostgreSQL.
CREATE UNIQUE INDEX messages_nonce ON messages (nonce_key);
CREATE INDEX messages_author ON messages (room, author, seq);
-- Reading passes over what was deleted, however much it is.
CREATE UNIQUE INDEX messages_seq ON messages (room, seq) WHERE deleted_at IS NULL;
CREATE INDEX messages_change_seq ON messages (room, change_seq) WHERE deleted_at IS NULL;

CREATE TABLE room_events (
    room BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor BIGINT NOT NULL,
    subject BIGINT,
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (room, seq)
);

CREATE TABLE moderators (
    room BIGINT NOT NULL REFERENCES rooms (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    rank TEXT NOT NULL,
    PRIMARY KEY (room, user_id)
);
CREATE INDEX moderators_user ON moderators (user_id);

-- A sanction without a room holds everywhere.
CREATE TABLE sanctions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room BIGINT REFERENCES rooms (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    network TEXT,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    given_by BIGINT NOT NULL REFERENCES users (id),
    giver_rank TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    lifted_at BIGINT,
    replaced BOOL NOT NULL DEFAULT FALSE
);
-- Not partial: SQLite uses no partial index for one side of an OR.
CREATE INDEX sanctions_user ON sanctions (user_id);
CREATE INDEX sanctions_network ON sanctions (network);
CREATE INDEX sanctions_room ON sanctions (room, id) WHERE lifted_at IS NULL;
