-- Times are milliseconds since 1970, ids and digests texts, documents JSON.

CREATE TABLE organisation (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- A content is chunks under a name of its own. While it is written, `upload` names it; once it is
-- whole, `blob` does. So nothing half written can be taken for a blob.
CREATE TABLE upload (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    content TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, content)
);

CREATE TABLE blob (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    sha256 TEXT NOT NULL,
    content TEXT NOT NULL,
    size BIGINT NOT NULL,
    chunk_size BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, sha256)
);

CREATE TABLE blob_chunk (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    content TEXT NOT NULL,
    number BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (organisation, content, number)
);

CREATE TABLE product (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    vendor TEXT NOT NULL,
    model TEXT NOT NULL,
    udi_di TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, id),
    UNIQUE (organisation, name)
);

-- One row for each content that was uploaded to a product, however often it was.
CREATE TABLE build (
    organisation TEXT NOT NULL,
    id TEXT NOT NULL,
    product TEXT NOT NULL,
    label TEXT NOT NULL,
    kind TEXT NOT NULL,
    input TEXT NOT NULL,
    state TEXT NOT NULL,
    facts TEXT,
    reason TEXT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, id),
    UNIQUE (organisation, product, input, kind),
    FOREIGN KEY (organisation, product) REFERENCES product (organisation, id),
    FOREIGN KEY (organisation, input) REFERENCES blob (organisation, sha256),
    FOREIGN KEY (organisation, facts) REFERENCES blob (organisation, sha256)
);
CREATE INDEX build_of_product ON build (organisation, product, id);

-- `due_at` is when a queued job may start, and when the lease of a leased one expires.
CREATE TABLE job (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    priority BIGINT NOT NULL,
    payload TEXT NOT NULL,
    build TEXT,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    attempts_max BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    worker TEXT,
    progress_done BIGINT NOT NULL,
    progress_total BIGINT NOT NULL,
    progress_note TEXT NOT NULL,
    error TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    PRIMARY KEY (organisation, id),
    UNIQUE (organisation, kind, name),
    FOREIGN KEY (organisation, build) REFERENCES build (organisation, id)
);
CREATE INDEX job_due ON job (priority, due_at, id) WHERE finished_at IS NULL;
CREATE INDEX job_of_build ON job (organisation, build);

-- A decision is never changed: a later revision follows it, one without a body withdraws it.
CREATE TABLE decision (
    organisation TEXT NOT NULL,
    product TEXT NOT NULL,
    vulnerability TEXT NOT NULL,
    component TEXT NOT NULL,
    revision BIGINT NOT NULL,
    body TEXT,
    actor TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, product, vulnerability, component, revision),
    FOREIGN KEY (organisation, product) REFERENCES product (organisation, id)
);

CREATE TABLE advisory_snapshot (
    organisation TEXT NOT NULL,
    root TEXT NOT NULL,
    dated TEXT NOT NULL,
    blob TEXT NOT NULL,
    loaded_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, root),
    FOREIGN KEY (organisation, blob) REFERENCES blob (organisation, sha256)
);

-- The head is locked by whoever appends, so that the chain cannot fork, and shows a missing tail.
CREATE TABLE audit_head (
    organisation TEXT NOT NULL PRIMARY KEY REFERENCES organisation (id),
    sequence BIGINT NOT NULL,
    digest TEXT NOT NULL
);

CREATE TABLE audit (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (organisation, sequence)
);
