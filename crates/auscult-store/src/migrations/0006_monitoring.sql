-- What changed for builds, and who is told of it.

-- What was told of a build last: the findings in short, packed, under the digest of the text.
CREATE TABLE told (
    organisation TEXT NOT NULL,
    build TEXT NOT NULL,
    digest TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (organisation, build),
    FOREIGN KEY (organisation, build) REFERENCES build (organisation, id)
);

-- What changed for a build, once; never changed.
CREATE TABLE event (
    organisation TEXT NOT NULL,
    id TEXT NOT NULL,
    build TEXT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (organisation, id),
    FOREIGN KEY (organisation, build) REFERENCES build (organisation, id)
);
CREATE INDEX event_of_build ON event (organisation, build, id);

-- Who is told what, and how.
CREATE TABLE notification_rule (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    revision BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, id),
    UNIQUE (organisation, name)
);

-- Events that somebody is still to be told of.
CREATE TABLE pending (
    organisation TEXT NOT NULL,
    rule TEXT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (organisation, rule, event),
    FOREIGN KEY (organisation, rule) REFERENCES notification_rule (organisation, id),
    FOREIGN KEY (organisation, event) REFERENCES event (organisation, id)
);

-- The server that takes our mail.
CREATE TABLE mail_server (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    body TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (organisation)
);
