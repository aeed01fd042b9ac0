//! The CVE List as GitHub releases: `DATE_all_CVEs_at_midnight.zip.zip` holds all records, and
//! `DATE_delta_CVEs_at_HHMMZ.zip` those changed since that midnight, so that the last one of a day
//! is enough; after the day it is `DATE_delta_CVEs_at_end_of_day.zip`.
//!
//! Files are told by the names of assets: the tag of a release may carry another day.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;

use crate::{
    Error, Result,
    session::{Check, Session, Wanted},
    shape::Shape,
};

/// An older whole is fetched anew, however many changes since are at hand.
const WHOLE_DAYS_MAX: i32 = 7;

#[derive(Deserialize)]
struct Release {
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    assets: Vec<Asset>,
}

#[derive(Clone, Deserialize)]
struct Asset {
    name: String,
    browser_download_url: String,
    /// `sha256:` and hexadecimal digits, since 2025.
    digest: Option<String>,
    #[serde(default)]
    updated_at: String,
}

/// What a name of an asset says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Whole,
    /// Changes up to this hour and minute; the end of the day is later than any.
    Changes(u16),
}

fn part(name: &str) -> Option<(Date, Part)> {
    let (date, rest) = name.split_once('_')?;
    let date: Date = date.parse().ok()?;
    let rest = rest.strip_suffix(".zip")?;
    if matches!(rest, "all_CVEs_at_midnight" | "all_CVEs_at_midnight.zip") {
        return Some((date, Part::Whole));
    }
    let at = rest.strip_prefix("delta_CVEs_at_")?;
    if at == "end_of_day" {
        return Some((date, Part::Changes(2400)));
    }
    let at = at.strip_suffix('Z')?.parse().ok().filter(|at| *at < 2400)?;
    Some((date, Part::Changes(at)))
}

/// What the releases offer.
#[derive(Default)]
struct Offer {
    wholes: BTreeMap<Date, Asset>,
    /// The latest changes of each day.
    changes: BTreeMap<Date, (u16, Asset)>,
}

impl Offer {
    fn take(&mut self, asset: Asset) {
        match part(&asset.name) {
            Some((date, Part::Whole)) => {
                self.wholes.entry(date).or_insert(asset);
            }
            Some((date, Part::Changes(at)))
                if self.changes.get(&date).is_none_or(|(known, _)| *known < at) =>
            {
                self.changes.insert(date, (at, asset));
            }
            _ => {}
        }
    }

    /// Whether the changes of every day since a whole are on offer, and it is not too old.
    fn reaches(&self, whole: Date) -> bool {
        let newest = self.wholes.keys().chain(self.changes.keys()).max();
        let Some(newest) = newest.copied() else { return false };
        let days = newest.since(whole).map_or(i32::MAX, |span| span.get_days());
        // The newest day may be so young that it has no changes yet.
        let days_between = whole.series(jiff::Span::new().days(1)).take_while(|day| *day < newest);
        (0..=WHOLE_DAYS_MAX).contains(&days)
            && days_between.into_iter().all(|day| self.changes.contains_key(&day))
    }
}

/// The files to have: a whole, the one at hand where it will do, and the changes since.
pub(crate) fn list(session: &mut Session<'_>) -> Result<Vec<Wanted>> {
    let base = session.base();
    let url = format!("{base}?per_page=100");
    let bytes = session.listing(&url)?;
    let wrong = |reason: String| Error::Listing { url: url.clone(), reason };
    let releases: Vec<Release> =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    let mut offer = Offer::default();
    let assets = releases.into_iter().filter(|release| !release.draft).flat_map(|r| r.assets);
    assets.for_each(|asset| offer.take(asset));
    let at_hand = session.state.files.keys().filter_map(|name| match part(name) {
        Some((date, Part::Whole)) => Some((date, name.clone())),
        _ => None,
    });
    let at_hand = at_hand.max().filter(|(date, _)| offer.reaches(*date));
    let (date, mut files) = match (at_hand, offer.wholes.last_key_value()) {
        (Some((date, name)), _) => {
            let offered = offer.wholes.get(&date).filter(|asset| asset.name == name);
            (date, vec![offered.map_or_else(|| kept(session, &name), wanted)])
        }
        (None, Some((date, asset))) => (*date, vec![wanted(asset)]),
        (None, None) => return Err(wrong("no release holds all records".to_owned())),
    };
    files.extend(offer.changes.range(date..).map(|(_, (_, asset))| wanted(asset)));
    Ok(files)
}

fn wanted(asset: &Asset) -> Wanted {
    let sha256 = asset.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:"));
    let check = sha256.map_or(Check::None, |hex| Check::Sha256(hex.to_owned()));
    let token = sha256.map_or_else(|| asset.updated_at.clone(), str::to_owned);
    // The name was understood, so it is a plain one.
    let url = asset.browser_download_url.clone();
    Wanted {
        token: Some(token).filter(|token| !token.is_empty()),
        check,
        // A day may have fewer changes than the one before, and each file replaces another.
        rolling: true,
        ..Wanted::new(url, asset.name.clone(), Shape::zip())
    }
}

/// The whole at hand, which is no longer on offer and is not asked for.
fn kept(session: &Session<'_>, name: &str) -> Wanted {
    let token = session.state.files.get(name).and_then(|file| file.token.clone());
    Wanted { token, ..Wanted::new(session.base(), name.to_owned(), Shape::zip()) }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{Asset, Offer, Part, part};

    #[test]
    fn names_of_assets_are_read() {
        let day = date(2026, 11, 22);
        for (name, expected) in [
            ("2026-11-22_all_CVEs_at_midnight.zip.zip", Some((day, Part::Whole))),
            ("2026-11-22_all_CVEs_at_midnight.zip", Some((day, Part::Whole))),
            ("2026-11-22_delta_CVEs_at_0300Z.zip", Some((day, Part::Changes(300)))),
            ("2026-11-22_delta_CVEs_at_end_of_day.zip", Some((day, Part::Changes(2400)))),
            ("2026-11-22_delta_CVEs_at_9900Z.zip", None),
            ("../2026-11-22_all_CVEs_at_midnight.zip", None),
            ("notes.txt", None),
        ] {
            assert_eq!(part(name), expected, "{name}");
        }
    }

    #[test]
    fn a_whole_will_do_while_no_day_since_is_missing() {
        let offer = |names: &[&str]| {
            let mut offer = Offer::default();
            for name in names {
                offer.take(Asset {
                    name: (*name).to_owned(),
                    browser_download_url: String::new(),
                    digest: None,
                    updated_at: String::new(),
                });
            }
            offer
        };
        let whole = date(2026, 11, 20);
        let both = offer(&[
            "2026-11-20_delta_CVEs_at_end_of_day.zip",
            "2026-11-21_delta_CVEs_at_end_of_day.zip",
            "2026-11-22_delta_CVEs_at_0100Z.zip",
        ]);
        assert!(both.reaches(whole));
        let gap = offer(&[
            "2026-11-20_delta_CVEs_at_end_of_day.zip",
            "2026-11-22_delta_CVEs_at_0100Z.zip",
        ]);
        assert!(!gap.reaches(whole));
        assert!(!offer(&[]).reaches(whole));
        assert!(!offer(&["2026-11-19_delta_CVEs_at_0100Z.zip"]).reaches(whole), "in the future");
        let latest = offer(&[
            "2026-11-22_delta_CVEs_at_0500Z.zip",
            "2026-11-22_delta_CVEs_at_end_of_day.zip",
            "2026-11-22_delta_CVEs_at_0100Z.zip",
        ]);
        assert_eq!(latest.changes[&date(2026, 11, 22)].0, 2400);
    }
}
