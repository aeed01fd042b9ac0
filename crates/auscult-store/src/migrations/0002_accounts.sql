-- Who may sign in, and how. No password and no token is here, only what they are compared with.

CREATE TABLE account (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    password_hash TEXT,
    roles TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, id),
    UNIQUE (organisation, name)
);

CREATE TABLE session (
    organisation TEXT NOT NULL,
    token_sha256 TEXT NOT NULL,
    account TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, token_sha256),
    FOREIGN KEY (organisation, account) REFERENCES account (organisation, id)
);
CREATE INDEX session_token ON session (token_sha256);

CREATE TABLE api_key (
    organisation TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    account TEXT NOT NULL,
    secret_sha256 TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    used_at BIGINT,
    PRIMARY KEY (organisation, id),
    FOREIGN KEY (organisation, account) REFERENCES account (organisation, id)
);
CREATE INDEX api_key_secret ON api_key (secret_sha256);

-- Failed attempts, by account, by address, or by whatever else the server counts.
CREATE TABLE attempt (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    subject TEXT NOT NULL,
    failures BIGINT NOT NULL,
    failed_at BIGINT NOT NULL,
    blocked_until BIGINT,
    PRIMARY KEY (organisation, subject)
);
