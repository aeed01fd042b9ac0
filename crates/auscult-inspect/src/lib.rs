//! Tree to facts: packages, binaries, kernels, signatures.
