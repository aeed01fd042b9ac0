//! Findings and context to decisions; the gate.
