//! Image builders for the project's tests and its sample.
