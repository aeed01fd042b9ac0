//! Version ordering and ranges per ecosystem.
