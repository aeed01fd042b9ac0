//! Feeds that consist of more than one known file: how their tables of contents are read.

pub(crate) mod csaf;
pub(crate) mod pages;
pub(crate) mod releases;
pub(crate) mod years;
