-- Systems: a device with its workstations and servers.

ALTER TABLE device ADD COLUMN system TEXT;
UPDATE device SET system = SUBSTR(json_extract(body, '$.system'), 1, 120);
CREATE INDEX device_of_system ON device (organisation, system, sorted_by, id);
