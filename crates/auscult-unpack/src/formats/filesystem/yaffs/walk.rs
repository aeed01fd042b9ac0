//! What the walk through the directories asks of YAFFS.

use auscult_model::ByteName;

use super::{
    geometry::Geometry,
    header::{Header, Kind, LOST_AND_FOUND, ROOT},
    objects::{Object, Objects},
};
use crate::{
    EntryKind, Extent, Fault, Metadata,
    formats::support::{
        gathering::device_number,
        walk::{About, Walk, kind_of_mode},
    },
};

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    pub(super) image: &'image Extent,
    pub(super) geometry: Geometry,
    pub(super) objects: Objects,
}

impl Reader<'_> {
    /// The object behind a number: a hard link leads to another one.
    fn resolve(&self, number: u32) -> Result<u32, Fault> {
        let header = |number| self.objects.by_number.get(&number).and_then(|it| it.header.as_ref());
        let Some(link) = header(number).filter(|header| header.kind == Kind::Hardlink) else {
            return Ok(number);
        };
        let is_file = header(link.equivalent).is_some_and(|it| it.kind != Kind::Hardlink);
        is_file.then_some(link.equivalent).ok_or_else(|| {
            let place = self.objects.by_number.get(&number).map_or(0, |object| object.place);
            let why = format!("object {} is not there", link.equivalent);
            Fault::new(place, "follow a hard link", why)
        })
    }

    fn about(&self, number: u32, object: Option<&Object>) -> Result<About, Fault> {
        let header = object.and_then(|object| object.header.as_ref());
        let (kind, metadata) = match header {
            Some(header) => (kind_of(header, object)?, metadata(header, object)),
            // Directories that need no header, and data that lost its own.
            None if number == ROOT || number == LOST_AND_FOUND => {
                (EntryKind::Directory, Metadata::default())
            }
            None => (EntryKind::File, Metadata::default()),
        };
        Ok(About {
            identity: u64::from(number),
            place: object.map_or(0, |object| object.place),
            kind,
            metadata,
            links: 1 + self.objects.links.get(&number).copied().unwrap_or(0),
        })
    }
}

fn kind_of(header: &Header, object: Option<&Object>) -> Result<EntryKind, Fault> {
    Ok(match header.kind {
        Kind::File => EntryKind::File,
        Kind::Directory => EntryKind::Directory,
        Kind::Symlink => EntryKind::Symlink(ByteName(header.target.clone())),
        Kind::Special | Kind::Hardlink => {
            let place = object.map_or(0, |object| object.place);
            let device = || Ok(device_number(header.device));
            kind_of_mode(header.mode, place, || Ok(Vec::new()), device)?
        }
    })
}

fn metadata(header: &Header, object: Option<&Object>) -> Metadata {
    let attributes = object.map_or(&[][..], |object| object.attributes.as_slice());
    Metadata {
        mode: Some(header.mode & 0o7777),
        user: Some(header.user),
        group: Some(header.group),
        modified: Some(i64::from(header.modified)),
        xattrs: attributes
            .iter()
            .map(|(name, value)| (ByteName(name.clone()), value.clone()))
            .collect(),
    }
}

impl Walk for Reader<'_> {
    type Link = u32;
    type Inode = u32;

    fn inode(&mut self, link: &u32, _: &mut Vec<Fault>) -> Result<(About, u32), Fault> {
        let number = self.resolve(*link)?;
        Ok((self.about(number, self.objects.by_number.get(&number))?, number))
    }

    fn list(&mut self, inode: &u32, _: &mut Vec<Fault>) -> Vec<(Vec<u8>, u32)> {
        let children = self.objects.children.get(inode).into_iter().flatten();
        children.map(|(name, &number)| (name.clone(), number)).collect()
    }

    fn content(&mut self, inode: &u32, faults: &mut Vec<Fault>) -> Option<Extent> {
        let object = self.objects.by_number.get(inode)?;
        Some(object.content(self.image, &self.geometry, faults))
    }
}
