//! What several formats share: dates, names, modes, the lay-out of parts, what a walk collects.

pub(crate) mod banner;
pub(crate) mod bare_lzma;
pub(crate) mod budget;
pub(crate) mod check;
pub(crate) mod code_page;
pub(crate) mod date;
pub(crate) mod dos_time;
pub(crate) mod epoch;
pub(crate) mod gathering;
pub(crate) mod guid;
pub(crate) mod hardlinks;
pub(crate) mod hex;
pub(crate) mod layout;
pub(crate) mod members;
pub(crate) mod pages;
pub(crate) mod promise;
pub(crate) mod runs;
pub(crate) mod shape;
pub(crate) mod transform;
pub(crate) mod unix_mode;
pub(crate) mod utf16;
pub(crate) mod walk;
pub(crate) mod window;
