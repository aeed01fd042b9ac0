//! Files that are one thing and hold no other: pictures, sound, text. Between the parts of an image
//! they are named, so that what stays unread is what nobody knows; files of archives and file systems
//! are files already.

use crate::format::Format;

mod bmp;
mod gif;
mod jpeg;
mod png;
mod riff;
pub(in crate::formats) mod text;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] =
    &[&png::FORMAT, &jpeg::FORMAT, &gif::FORMAT, &riff::FORMAT, &bmp::FORMAT];
