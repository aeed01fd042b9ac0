//! Bytes to a lazy tree, one module per format.
