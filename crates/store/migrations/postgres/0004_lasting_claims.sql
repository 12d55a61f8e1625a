-- Claims that never lapse are read by family at every start: they are few beside those that do.
CREATE INDEX claim_lasting ON claim (family, key) WHERE expires IS NULL;
