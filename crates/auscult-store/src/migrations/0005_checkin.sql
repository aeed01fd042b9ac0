-- What a device that came back is verified by, and how that came out.

-- Reference manifests of a build, signed by its maker.
CREATE TABLE build_reference (
    organisation TEXT NOT NULL,
    build TEXT NOT NULL,
    manifest TEXT NOT NULL,
    actor TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, build, manifest),
    FOREIGN KEY (organisation, build) REFERENCES build (organisation, id),
    FOREIGN KEY (organisation, manifest) REFERENCES blob (organisation, sha256)
);

-- Whose signatures count. A key that was revoked stays on record.
CREATE TABLE trusted_key (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    name TEXT NOT NULL,
    pem TEXT NOT NULL,
    actor TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (organisation, id)
);

-- What evidence has to answer, once.
CREATE TABLE challenge (
    organisation TEXT NOT NULL,
    nonce TEXT NOT NULL,
    device TEXT NOT NULL,
    body TEXT NOT NULL,
    actor TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (organisation, nonce),
    FOREIGN KEY (organisation, device) REFERENCES device (organisation, id)
);
CREATE INDEX challenge_of_device ON challenge (organisation, device, issued_at);

-- Verifications of a device, under the revision that each made; never changed.
CREATE TABLE verification (
    organisation TEXT NOT NULL,
    device TEXT NOT NULL,
    revision BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    build TEXT,
    evidence TEXT NOT NULL,
    verdict TEXT NOT NULL,
    actor TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (organisation, device, revision),
    FOREIGN KEY (organisation, device) REFERENCES device (organisation, id),
    FOREIGN KEY (organisation, evidence) REFERENCES blob (organisation, sha256),
    FOREIGN KEY (organisation, verdict) REFERENCES blob (organisation, sha256)
);

-- Releases although something is not as it should be, under the revision of the release.
CREATE TABLE waiver (
    organisation TEXT NOT NULL,
    device TEXT NOT NULL,
    revision BIGINT NOT NULL,
    approver TEXT NOT NULL,
    reason TEXT NOT NULL,
    until TEXT NOT NULL,
    PRIMARY KEY (organisation, device, revision),
    FOREIGN KEY (organisation, device) REFERENCES device (organisation, id)
);

-- The key that release records are signed with.
CREATE TABLE record_key (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    pem TEXT NOT NULL,
    PRIMARY KEY (organisation)
);
