//! Table, JSON and the other outputs of a result.
