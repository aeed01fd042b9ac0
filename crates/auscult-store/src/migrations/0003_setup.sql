-- Links that lead to the first administrator, and the one row that says that there is one. Whoever
-- writes that row makes him: its key lets one in, however many come at once.

CREATE TABLE setup_link (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    token_sha256 TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, token_sha256)
);

CREATE TABLE setup (
    organisation TEXT NOT NULL PRIMARY KEY REFERENCES organisation (id),
    done_at BIGINT NOT NULL
);
