"""The table that every service of configuration has beside those of its objects."""

CHANGES = """
CREATE TABLE changes (
    tenant text NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    line integer NOT NULL CHECK (line >= 0),
    body text NOT NULL,
    deleted boolean NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, revision, line)
);
CREATE INDEX changes_by_age ON changes USING brin (recorded_at);
COMMENT ON TABLE changes IS 'Each object as a whole after each change: the stream that watchers follow.';
"""
"""Made in a service's first migration, and walled there like its other tables. Never altered: schemas rest on it."""
