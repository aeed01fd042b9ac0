//! Which options decide whether a source file of the kernel is built, in which releases.
//!
//! The data are made by `cargo xtask kbuild` from the Kbuild files of the releases that they name.
//! Conditions are necessary ones: a file that is built has one of its routes open.

use std::{cmp::Ordering, collections::HashMap, io::Read as _, sync::LazyLock};

/// The map, packed.
static PACKED: &[u8] = include_bytes!("../../kbuild/map.zst");
static MAP: LazyLock<Option<Map>> = LazyLock::new(|| Map::read(unpack(PACKED)?));
/// The map is not longer.
const BYTES_MAX: u64 = 64 << 20;

/// Stands where a folder stands, before lines about options.
const OPTIONS: &str = "=options";
/// Stands before the routes of headers, which name them by their place there.
const ROUTES: &str = "=routes";

/// Series of releases, such as 5.10.
pub(super) type Series = (u32, u32);

/// A source file's conditions, as read from a line of the map.
pub(super) struct Map {
    text: &'static str,
    releases: Vec<(Series, &'static str)>,
    /// Where the lines of a folder stand in the text.
    folders: HashMap<&'static str, (usize, usize)>,
    /// In which releases an option decides something, a bit for each.
    options: HashMap<&'static str, u64>,
    /// The lines of options that not every architecture can set.
    restricted: HashMap<&'static str, &'static str>,
    /// The routes of headers.
    of_headers: Vec<&'static str>,
}

/// One way in which a file comes to be built: options that must all be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) needs: Vec<&'static str>,
    /// The module that it becomes a part of, where it may be one.
    pub(super) module: Option<&'static str>,
}

/// The condition of a file for a kernel of some series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) routes: Vec<Route>,
    /// What the routes are those of.
    pub(super) of: Of,
    /// The releases that it was read in.
    pub(super) releases: Vec<&'static str>,
    /// Whether one of them is of the kernel's own series.
    pub(super) own_series: bool,
    /// Options that no release before the kernel's own series knows, so that a kernel of that
    /// series from before a change may lack them.
    pub(super) new_options: Vec<&'static str>,
}

/// What is built by the routes of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The file itself.
    Source,
    /// The sources that may include it, at most so many; or the kernels of its architecture, whose
    /// sources were not told one by one.
    Includers(Option<u32>),
}

fn unpack(packed: &[u8]) -> Option<&'static str> {
    let decoder = ruzstd::decoding::StreamingDecoder::new(packed).ok()?;
    let mut text = String::new();
    decoder.take(BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text.leak())
}

impl Map {
    /// The map that the program carries; none where its bytes are damaged.
    pub(super) fn built_in() -> Option<&'static Self> {
        MAP.as_ref()
    }

    pub(super) fn read(text: &'static str) -> Option<Self> {
        let rest = text.strip_prefix("kbuild 2\n")?;
        let (releases, _) = rest.split_once('\n')?;
        let releases: Vec<_> = releases
            .split(' ')
            .map(|release| Some((series(release)?, release)))
            .collect::<Option<_>>()?;
        let mut map = Self {
            text,
            releases,
            folders: HashMap::new(),
            options: HashMap::new(),
            restricted: HashMap::new(),
            of_headers: Vec::new(),
        };
        let mut at = text.len() - rest.split_once('\n')?.1.len();
        let mut folder: Option<(&'static str, usize)> = None;
        for line in text.get(at..)?.split_inclusive('\n') {
            let end = at + line.len();
            if let Some(name) = line.strip_suffix("/\n").filter(|name| !name.contains('\t')) {
                map.close(folder, at);
                folder = Some((name, end));
            } else {
                map.take(folder.map(|(name, _)| name), line);
            }
            at = end;
        }
        map.close(folder, at);
        Some(map)
    }

    fn take(&mut self, folder: Option<&str>, line: &'static str) {
        match folder {
            Some(OPTIONS) => {
                self.restricted.extend(line.split('\t').next().map(|option| (option, line)));
            }
            Some(ROUTES) => self.of_headers.push(line.trim_end()),
            _ if line.split('\t').next().is_some_and(is_header) => {}
            _ => self.note_options(line),
        }
    }

    fn close(&mut self, folder: Option<(&'static str, usize)>, end: usize) {
        if let Some((name, start)) = folder {
            self.folders.insert(name, (start, end));
        }
    }

    fn note_options(&mut self, line: &'static str) {
        for (seen, condition) in conditions(line) {
            for route in condition.split('|') {
                for option in needs(route) {
                    *self.options.entry(option).or_default() |= seen;
                }
            }
        }
    }

    /// The condition of a file in a kernel of a series.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub(super) fn condition(&self, path: &str, of: Series) -> Result<Condition, String> {
        let line = self.line(path).ok_or("no release that was read has this file")?;
        let in_release = |at: usize| {
            conditions(line).find(|(seen, _)| seen >> at & 1 == 1).map(|(_, condition)| condition)
        };
        if let Some(own) = self.releases.iter().position(|(series, _)| *series == of) {
            let text = in_release(own).ok_or("the sources of its series do not have this file")?;
            let name = self.releases.get(own).map(|(_, name)| *name);
            let (of, routes) = self.read_condition(text);
            let is_older = own.checked_sub(1).is_some_and(|older| in_release(older).is_some());
            return Ok(Condition {
                new_options: if is_older { self.new_at(&routes, own) } else { Vec::new() },
                routes,
                of,
                releases: name.into_iter().collect(),
                own_series: true,
            });
        }
        let above = self.releases.iter().position(|(series, _)| *series > of);
        let above = above.ok_or("no newer release was read")?;
        let below = above.checked_sub(1).ok_or("no older release was read")?;
        let (Some(one), Some(other)) = (in_release(below), in_release(above)) else {
            return Err("not all releases around it have this file".into());
        };
        let (of, routes) = match (self.read_condition(one), self.read_condition(other)) {
            (known, _) if one == other => known,
            // Whoever includes a header before or after may do so in between.
            ((Of::Includers(one), mut routes), (Of::Includers(other), others)) => {
                routes.extend(others);
                (Of::Includers(one.zip(other).map(|(one, other)| one.max(other))), routes)
            }
            _ => return Err("the releases around it build it under different options".into()),
        };
        let releases = [below, above].into_iter().filter_map(|at| self.releases.get(at));
        let releases = releases.map(|(_, name)| *name).collect();
        Ok(Condition { routes, of, releases, own_series: false, new_options: Vec::new() })
    }

    /// The options of the architectures that alone can set an option in a kernel of a series, where
    /// it is known that not all can.
    pub(super) fn architectures(&self, option: &str, of: Series) -> Option<Vec<&'static str>> {
        let line = self.restricted.get(option)?;
        let above = self.releases.iter().position(|(series, _)| *series >= of)?;
        let is_own = self.releases.get(above).is_some_and(|(series, _)| *series == of);
        let below = if is_own { above } else { above.checked_sub(1)? };
        let mut all = Vec::new();
        for at in [below, above] {
            let (_, text) = conditions(line).find(|(seen, _)| seen >> at & 1 == 1)?;
            all.extend(text.split('|'));
        }
        Some(all)
    }

    /// The options of routes that no release before this one knows.
    fn new_at(&self, routes: &[Route], own: usize) -> Vec<&'static str> {
        let before = (1_u64 << own).wrapping_sub(1);
        let options = routes.iter().flat_map(|route| route.needs.iter().copied());
        options
            .filter(|option| self.options.get(option).is_none_or(|seen| seen & before == 0))
            .collect()
    }

    /// `A&B=module|C` of a source; `12#1f|a0` of a header with that many sources at most, whose
    /// routes stand elsewhere.
    fn read_condition(&self, text: &'static str) -> (Of, Vec<Route>) {
        let Some((number, places)) = text.split_once('#') else {
            return (Of::Source, text.split('|').map(route).collect());
        };
        let text = |place: &str| {
            let place = usize::from_str_radix(place, 16).ok()?;
            self.of_headers.get(place).copied()
        };
        // A place that is not there counts as a route that asks for nothing.
        let routes = places.split('|').map(|place| route(text(place).unwrap_or("*")));
        (Of::Includers(number.parse().ok()), routes.collect())
    }

    /// The line of a path. Those of a folder stand in the order of their names.
    fn line(&self, path: &str) -> Option<&'static str> {
        let (folder, name) = path.rsplit_once('/')?;
        let &(start, end) = self.folders.get(folder)?;
        let mut lines = self.text.get(start..end)?;
        while !lines.is_empty() {
            let middle = lines.as_bytes().get(..lines.len() / 2)?;
            let from = middle.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let (before, rest) = lines.split_at_checked(from)?;
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            match line.split('\t').next().unwrap_or_default().cmp(name) {
                Ordering::Equal => return Some(line),
                Ordering::Less => lines = after,
                Ordering::Greater => lines = before,
            }
        }
        None
    }
}

/// Releases, a bit for each, and the text of the condition there.
fn conditions(line: &'static str) -> impl Iterator<Item = (u64, &'static str)> {
    line.trim_end().split('\t').skip(1).filter_map(|field| {
        let (seen, condition) = field.split_once(' ')?;
        Some((u64::from_str_radix(seen, 16).ok()?, condition))
    })
}

/// Whether a file is a header, by its ending.
pub(super) fn is_header(path: &str) -> bool {
    matches!(path.rsplit_once('.'), Some((_, "h")))
}

fn needs(route: &'static str) -> impl Iterator<Item = &'static str> {
    let needs = route.split('=').next().unwrap_or_default();
    needs.split('&').filter(|option| !option.is_empty() && *option != "*")
}

fn route(text: &'static str) -> Route {
    let module = text.split_once('=').map(|(_, module)| module);
    Route { needs: needs(text).collect(), module }
}

/// The series of a release: `5.10.262`, `6.1.0-50-armmp`.
pub(super) fn series(release: &str) -> Option<Series> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Map, Of, Route};

    fn map() -> Map {
        let text = "kbuild 2\n5.4.0 5.10.262 6.1.192\nfs/ext4/\n\
                    acl.c\t3 EXT4_FS&POSIX=ext4\t4 EXT4_FS&ACL=ext4\next4.h\t2 7#0\t4 9#1\n\
                    inode.c\t7 EXT4_FS=ext4\n\
                    lib/\nnew.c\t4 *\nodd.c\t1 A|B\t6 C\n=options/\nA\t6 X86|IA64\n\
                    =routes/\nEXT4_FS=ext4\nD\n";
        Map::read(text).unwrap()
    }

    #[test]
    fn own_series_and_agreeing_neighbours_answer() {
        let map = map();
        let ext4 = Route { needs: vec!["EXT4_FS"], module: Some("ext4") };
        let own = map.condition("fs/ext4/inode.c", (5, 10)).unwrap();
        assert_eq!((own.routes.as_slice(), own.own_series), ([ext4.clone()].as_slice(), true));
        let between = map.condition("fs/ext4/inode.c", (5, 15)).unwrap();
        assert_eq!(between.routes, [ext4]);
        assert_eq!(between.releases, ["5.10.262", "6.1.192"]);
        assert!(!between.own_series);
    }

    #[test]
    fn what_was_not_read_stays_open() {
        let map = map();
        for (path, series) in [
            ("fs/ext4/acl.c", (5, 15)),
            ("fs/ext4/inode.c", (4, 4)),
            ("fs/ext4/inode.c", (7, 0)),
            ("lib/new.c", (5, 10)),
            ("lib/new.c", (5, 15)),
            ("lib/none.c", (5, 10)),
            ("none/inode.c", (5, 10)),
        ] {
            map.condition(path, series).unwrap_err();
        }
        assert!(Map::read("kbuild 1\n").is_none());
    }

    #[test]
    fn a_header_has_the_routes_of_who_includes_it() {
        let map = map();
        let ext4 = Route { needs: vec!["EXT4_FS"], module: Some("ext4") };
        let own = map.condition("fs/ext4/ext4.h", (5, 10)).unwrap();
        assert_eq!((own.of, own.routes), (Of::Includers(Some(7)), vec![ext4.clone()]));
        let between = map.condition("fs/ext4/ext4.h", (5, 15)).unwrap();
        let other = Route { needs: vec!["D"], module: None };
        assert_eq!((between.of, between.routes), (Of::Includers(Some(9)), vec![ext4, other]));
        map.condition("fs/ext4/ext4.h", (5, 4)).unwrap_err();
    }

    #[test]
    fn options_of_some_architectures_are_told() {
        let map = map();
        assert_eq!(map.architectures("A", (5, 10)).unwrap(), ["X86", "IA64", "X86", "IA64"]);
        assert!(map.architectures("A", (5, 15)).is_some());
        // A release on one side does not restrict it.
        assert_eq!(map.architectures("A", (5, 5)), None);
        assert_eq!(map.architectures("A", (7, 0)), None);
        assert_eq!(map.architectures("B", (5, 10)), None);
    }

    #[test]
    fn an_option_that_came_with_the_series_is_told() {
        let map = map();
        assert_eq!(map.condition("lib/odd.c", (5, 10)).unwrap().new_options, ["C"]);
        assert!(map.condition("lib/odd.c", (6, 1)).unwrap().new_options.is_empty());
    }

    #[test]
    fn the_built_in_map_is_whole() {
        let map = Map::built_in().unwrap();
        assert!(map.releases.len() > 8 && map.folders.len() > 2_000);
        let condition = map.condition("fs/ext4/inode.c", (6, 1)).unwrap();
        assert_eq!(condition.routes, [Route { needs: vec!["EXT4_FS"], module: Some("ext4") }]);
        for path in ["drivers/base/core.c", "drivers/base/power/main.c", "mm/migrate.c"] {
            map.condition(path, (6, 1)).unwrap();
        }
    }
}
