//! Files of a table of names, offsets and lengths, as flat archives have them.

use std::collections::HashSet;

use auscult_model::ByteName;

use crate::{Entry, EntryKind, Extent, Fault, Metadata};

/// The files of a table while it is read.
pub(crate) struct Members {
    extent: Extent,
    /// Where the table ends: a file that starts before would hold the table.
    data_from: u64,
    names: HashSet<Vec<u8>>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) faults: Vec<Fault>,
    /// Where the last file ends.
    pub(crate) end: u64,
}

impl Members {
    /// No files yet, in this image, behind a table that ends at `data_from`.
    pub(crate) fn new(extent: &Extent, data_from: u64) -> Self {
        Self {
            extent: extent.clone(),
            data_from,
            names: HashSet::new(),
            entries: Vec::new(),
            faults: Vec::new(),
            end: data_from,
        }
    }

    /// Adds a file; what is missing of it is told.
    pub(crate) fn file(&mut self, name: &[u8], offset: u64, length: u64) {
        self.file_with(name, offset, length, Metadata::default(), |content| content);
    }

    /// The same with what the table tells of the file, and with a way to read its bytes.
    pub(crate) fn file_with(
        &mut self,
        name: &[u8],
        offset: u64,
        length: u64,
        metadata: Metadata,
        read: impl FnOnce(Extent) -> Extent,
    ) {
        let shown = name.escape_ascii();
        if offset < self.data_from && length > 0 {
            let why = format!("it starts at {offset:#x}, inside the table");
            self.faults.push(Fault::new(offset, format!("read {shown}"), why));
            return;
        }
        let content = self.extent.clamp(offset, length);
        if content.len() < length {
            let why = format!("{length} bytes promised, {} there: truncated", content.len());
            self.faults.push(Fault::new(offset, format!("read {shown} whole"), why));
        }
        self.end = self.end.max(offset.saturating_add(length));
        let name = self.unique(name, offset);
        let member = Entry::member(name, EntryKind::File, metadata);
        self.entries.push(member.with_content(read(content)));
    }

    /// The name, with the offset behind it where it is there already or empty.
    fn unique(&mut self, name: &[u8], offset: u64) -> ByteName {
        let mut own = name.to_vec();
        if own.is_empty() || !self.names.insert(own.clone()) {
            let separator = if own.is_empty() { "file-" } else { "-" };
            own.extend(format!("{separator}{offset:#x}").bytes());
        }
        ByteName(own)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::Members;
    use crate::{Extent, Vault};

    #[test]
    fn files_inside_the_table_and_past_the_end_are_told() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let mut members = Members::new(&Extent::from_memory(&vault, vec![1; 100]), 20);
        members.file(b"a", 20, 10);
        members.file(b"a", 30, 10);
        members.file(b"", 40, 0);
        members.file(b"table", 0, 100);
        members.file(b"cut", 90, 20);
        let names: Vec<_> = members.entries.iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(names, ["a", "a-0x1e", "file-0x28", "cut"]);
        assert_eq!((members.faults.len(), members.end), (2, 110));
    }
}
