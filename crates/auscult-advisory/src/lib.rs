//! Feeds to a snapshot, and matching.
