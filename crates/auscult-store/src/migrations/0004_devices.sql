-- Units of the fleet. What is known of one is a document; the columns are what lists are chosen by.

CREATE TABLE device (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    id TEXT NOT NULL,
    sorted_by TEXT NOT NULL,
    manufacturer TEXT,
    model TEXT,
    site TEXT,
    department TEXT,
    status TEXT,
    next_maintenance TEXT,
    end_of_support TEXT,
    body TEXT NOT NULL,
    build TEXT,
    build_basis TEXT NOT NULL,
    build_why TEXT NOT NULL,
    custody TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, id),
    FOREIGN KEY (organisation, build) REFERENCES build (organisation, id)
);
CREATE INDEX device_sorted ON device (organisation, sorted_by, id);
CREATE INDEX device_of_build ON device (organisation, build, sorted_by, id);
CREATE INDEX device_due ON device (organisation, next_maintenance, id);

-- What a unit is recognised by. The key keeps two units from being one.
CREATE TABLE device_identity (
    organisation TEXT NOT NULL,
    identity TEXT NOT NULL,
    device TEXT NOT NULL,
    PRIMARY KEY (organisation, identity),
    FOREIGN KEY (organisation, device) REFERENCES device (organisation, id)
);
CREATE INDEX identity_of_device ON device_identity (organisation, device);

-- Everything that happened to a unit; never changed.
CREATE TABLE device_event (
    organisation TEXT NOT NULL,
    device TEXT NOT NULL,
    revision BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (organisation, device, revision),
    FOREIGN KEY (organisation, device) REFERENCES device (organisation, id)
);

-- How the exports of a maintenance system are read.
CREATE TABLE import_mapping (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, name)
);
