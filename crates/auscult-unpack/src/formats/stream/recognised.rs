//! Streams that are recognised but not read: `lrzip` and `rzip`, which look for repetitions far
//! apart and pack what is left with others (`lrzip-spec` of lrzip; the source of rzip). Both are for
//! archives on disks; neither tells where it ends.

use crate::{
    Endian::{Big, Little},
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static LRZIP: Format =
    Format { name: "lrzip", magics: &[Magic::start(b"LRZI")], carve: false, open: open_lrzip };

pub(crate) static RZIP: Format =
    Format { name: "rzip", magics: &[Magic::start(b"RZIP")], carve: false, open: open_rzip };

const LRZIP_HEADER_BYTES: u64 = 24;
const RZIP_HEADER_BYTES: u64 = 24;

fn open_lrzip(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, LRZIP_HEADER_BYTES)?;
    let view = View(&head);
    let (major, minor) = (view.u8(4)?, view.u8(5)?);
    if major != 0 || !(1..=15).contains(&minor) {
        return Err(NotThis);
    }
    let size = view.u64(6, Little)?;
    let encrypted = minor >= 6 && view.u8(22)? != 0;
    let mut attributes = vec![("version", format!("{major}.{minor}"))];
    if !encrypted && size > 0 {
        attributes.push(("content-size", size.to_string()));
    }
    let reason = if encrypted { "encrypted" } else { "not extracted: lrzip" };
    let length = candidate.extent.len();
    Ok(Opened { length, attributes, unread: Some(reason.to_owned()), ..Opened::default() })
}

fn open_rzip(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, RZIP_HEADER_BYTES)?;
    let view = View(&head);
    let (major, minor) = (view.u8(4)?, view.u8(5)?);
    if major != 2 || minor > 9 {
        return Err(NotThis);
    }
    let attributes = vec![
        ("version", format!("{major}.{minor}")),
        ("content-size", view.u32(6, Big)?.to_string()),
    ];
    let length = candidate.extent.len();
    let unread = Some("not extracted: rzip".to_owned());
    Ok(Opened { length, attributes, unread, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{self, attribute},
            reference::{run, sample},
        },
    };

    #[test]
    fn files_of_the_reference_tools_are_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, sample(5000, 1)).unwrap();
        let name = path.to_str().unwrap();
        for (tool, options, suffix) in [("lrzip", &["-q"][..], "lrz"), ("rzip", &["-k"], "rz")] {
            let arguments = [options, &[name]].concat();
            if !run(tool, &arguments) {
                return;
            }
            let packed = fs::read(path.with_extension(suffix)).unwrap();
            let length = packed.len() as u64;
            hostile::check(&packed[..30], 24);
            let tree = Tree::from_bytes(packed, &Limits::default());
            assert_eq!(attribute(&tree, tool, "content-size").unwrap(), "5000");
            assert_eq!(tree.coverage().bytes_unread, length);
        }
    }
}
