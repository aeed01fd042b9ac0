-- People whom another system signs in, and the second factor of those whom we sign in.

ALTER TABLE account ADD COLUMN source TEXT NOT NULL DEFAULT 'local';
ALTER TABLE account ADD COLUMN subject TEXT;
CREATE UNIQUE INDEX account_subject ON account (organisation, source, subject);

-- How people sign in; holds secrets of a directory and a provider.
CREATE TABLE sign_in_setting (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    body TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (organisation)
);

-- A sign-in that has begun and waits for its second part, once.
CREATE TABLE sign_in_step (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    token_sha256 TEXT NOT NULL,
    body TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, token_sha256)
);

-- Second factors (TOTP, RFC 6238).
CREATE TABLE second_factor (
    organisation TEXT NOT NULL,
    account TEXT NOT NULL,
    secret BLOB NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL,
    PRIMARY KEY (organisation, account),
    FOREIGN KEY (organisation, account) REFERENCES account (organisation, id)
);

-- Codes for somebody who lost the second factor, each good once.
CREATE TABLE recovery_code (
    organisation TEXT NOT NULL,
    account TEXT NOT NULL,
    code_sha256 TEXT NOT NULL,
    PRIMARY KEY (organisation, account, code_sha256),
    FOREIGN KEY (organisation, account) REFERENCES account (organisation, id)
);
