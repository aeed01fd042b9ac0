-- What is searched of devices lies by itself, a third of what they are. Indexes take no texts as long as
-- these, so it is a table, which the database keeps itself: programs of older versions do not know it.

CREATE TABLE device_text (
    organisation TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    searched TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (organisation, id)
);
INSERT INTO device_text (organisation, id, searched) SELECT organisation, id, searched FROM device;
-- Without numbers about it the database would go through it by an index, which takes twice as long.
ANALYZE device_text;
CREATE OR REPLACE FUNCTION keep_device_text() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM device_text WHERE organisation = OLD.organisation AND id = OLD.id;
    ELSE
        INSERT INTO device_text (organisation, id, searched)
            VALUES (NEW.organisation, NEW.id, NEW.searched)
            ON CONFLICT (organisation, id) DO UPDATE SET searched = EXCLUDED.searched;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_device_text AFTER INSERT OR DELETE OR UPDATE OF searched ON device
    FOR EACH ROW EXECUTE FUNCTION keep_device_text();
