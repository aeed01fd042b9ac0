-- What a text is looked for in, and an index for each way in which devices are chosen.

ALTER TABLE device ADD COLUMN searched TEXT NOT NULL DEFAULT '';
UPDATE device SET searched = LOWER(body);
CREATE INDEX device_of_model ON device (organisation, model, sorted_by, id);
CREATE INDEX device_of_manufacturer ON device (organisation, manufacturer, sorted_by, id);
CREATE INDEX device_of_site ON device (organisation, site, sorted_by, id);
CREATE INDEX device_of_department ON device (organisation, department, sorted_by, id);
CREATE INDEX device_of_custody ON device (organisation, custody, sorted_by, id);
CREATE INDEX device_of_basis ON device (organisation, build_basis, sorted_by, id);

-- How many devices run a build, by place. The empty text stands for what nobody knows.
CREATE TABLE device_count (
    organisation TEXT NOT NULL REFERENCES organisation (id),
    build TEXT NOT NULL,
    site TEXT NOT NULL,
    department TEXT NOT NULL,
    devices BIGINT NOT NULL,
    PRIMARY KEY (organisation, build, site, department)
);
INSERT INTO device_count (organisation, build, site, department, devices)
    SELECT organisation, COALESCE(build, ''), COALESCE(site, ''), COALESCE(department, ''), COUNT(*)
    FROM device
    GROUP BY organisation, COALESCE(build, ''), COALESCE(site, ''), COALESCE(department, '');

-- Changes of builds are counted in the order in which they take effect, so that whoever knows all
-- builds reads only what became different.
ALTER TABLE organisation ADD COLUMN build_sequence BIGINT NOT NULL DEFAULT 0;
ALTER TABLE build ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;
CREATE INDEX build_changed ON build (organisation, sequence);
