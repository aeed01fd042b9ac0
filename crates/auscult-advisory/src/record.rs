//! What a snapshot stores: claims about products, vulnerabilities, exploitation, scores, prose.
//!
//! All feeds are brought to one shape. A [`Claim`] is one record's word on one product: a default
//! status and entries, after `affected[]` of the CVE record format 5.1, which is the richest of
//! them; ranges of NVD, OSV, Debian and the rest fit into it.

use auscult_model::{CvssScore, Exploitation, Severity};
use auscult_version::{Bound, Scheme};

use crate::{
    codec::{Decoded, Reader, Short, Writer},
    vector_code,
};

/// Status of a version (CVE record format 5.1, `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Status {
    Unaffected,
    Affected,
    Unknown,
}

/// The versions that an entry speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Span<S = String> {
    /// One version; with any update level where `any_update` is set.
    Exactly { version: S, any_update: bool },
    /// All versions between two bounds.
    Between { lower: Option<Bound<S>>, upper: Option<Bound<S>> },
    /// A text that names no version; kept so that the product is known to be spoken of.
    Unreadable(S),
}

/// One entry of a claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry<S = String> {
    pub(crate) status: Status,
    pub(crate) span: Span<S>,
    /// From each of these versions on the status is another.
    pub(crate) changes: Vec<(S, Status)>,
}

impl Entry {
    pub(crate) fn new(status: Status, span: Span) -> Self {
        Self { status, span, changes: Vec::new() }
    }
}

/// One record's word on one product. Its texts are its own, or those of an open snapshot, where a
/// kernel alone has tens of thousands of claims.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Claim<S = String> {
    /// The vulnerability, by its canonical id.
    pub(crate) id: S,
    /// Number of the source in the snapshot's list.
    pub(crate) source: u16,
    /// Id of the record in its source; empty where it is the vulnerability's.
    pub(crate) record: S,
    pub(crate) scheme: Scheme,
    pub(crate) default: Status,
    pub(crate) entries: Vec<Entry<S>>,
    /// CPE part, `*` where the source names none.
    pub(crate) part: char,
    /// CPE target_sw, empty where any.
    pub(crate) target: S,
    /// The release of a distribution, empty elsewhere.
    pub(crate) release: S,
    /// What must be there too: one of each list, as `part:vendor:product`.
    pub(crate) conditions: Vec<Vec<S>>,
}

/// What is known of a vulnerability beside its products.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vulnerability {
    pub(crate) aliases: Vec<String>,
    /// Names of the sources that withdrew it.
    pub(crate) withdrawn_by: Vec<u16>,
    pub(crate) cvss: Vec<(u16, String, u8)>,
}

/// What few questions need of a vulnerability: kept apart, so that matching need not unpack it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Details {
    /// The keys of the products that claims about it stand under.
    pub(crate) products: Vec<String>,
    /// Source files that hold the weakness, where the record names them.
    pub(crate) files: Vec<String>,
    pub(crate) weaknesses: Vec<String>,
}

/// What is known of exploitation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exploits {
    /// Date of the KEV entry, as `YYYY-MM-DD`, and whether ransomware uses it.
    pub(crate) kev: Option<(String, bool)>,
    pub(crate) automatable: Option<bool>,
    pub(crate) impact_total: Option<bool>,
    /// Each source with what it says.
    pub(crate) signs: Vec<(u16, Exploitation)>,
}

impl Exploits {
    /// The strongest sign; an entry of KEV is exploitation.
    pub(crate) fn strongest(&self) -> Exploitation {
        let signs = self.signs.iter().map(|(_, sign)| *sign).max();
        let kev = self.kev.as_ref().map(|_| Exploitation::Active);
        signs.max(kev).unwrap_or(Exploitation::None)
    }
}

/// What a publisher says of a vulnerability beside its ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Statement {
    pub(crate) source: u16,
    /// Id of the advisory.
    pub(crate) record: String,
    /// `justification`, `threat`, `remediation` or `recommended`.
    pub(crate) kind: String,
    /// The publisher's word for it: `vendor_fix`, `component_not_present`.
    pub(crate) label: String,
    /// Full names of the products that it is about; none for all.
    pub(crate) products: Vec<String>,
    /// What it says, where prose is kept.
    pub(crate) prose: String,
}

impl Statement {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.number(u64::from(self.source));
        for text in [&self.record, &self.kind, &self.label] {
            writer.text(text);
        }
        writer.list(&self.products, |writer, product| writer.text(product));
        writer.text(&self.prose);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Decoded<Self> {
        Ok(Self {
            source: source(reader)?,
            record: reader.string()?,
            kind: reader.string()?,
            label: reader.string()?,
            products: reader.list(Reader::string)?,
            prose: reader.string()?,
        })
    }
}

fn status(reader: &mut Reader<'_>) -> Decoded<Status> {
    Ok(match reader.byte()? {
        0 => Status::Unaffected,
        1 => Status::Affected,
        2 => Status::Unknown,
        _ => return Err(Short),
    })
}

fn put_status(writer: &mut Writer, status: Status) {
    writer.byte(match status {
        Status::Unaffected => 0,
        Status::Affected => 1,
        Status::Unknown => 2,
    });
}

fn put_bound(writer: &mut Writer, bound: Option<&Bound>) {
    match bound {
        None => writer.byte(0),
        Some(Bound::Inclusive(version)) => {
            writer.byte(1);
            writer.text(version);
        }
        Some(Bound::Exclusive(version)) => {
            writer.byte(2);
            writer.text(version);
        }
    }
}

fn bound<'a, S: From<&'a str>>(reader: &mut Reader<'a>) -> Decoded<Option<Bound<S>>> {
    Ok(match reader.byte()? {
        0 => None,
        1 => Some(Bound::Inclusive(reader.text()?.into())),
        2 => Some(Bound::Exclusive(reader.text()?.into())),
        _ => return Err(Short),
    })
}

fn put_entry(writer: &mut Writer, entry: &Entry) {
    put_status(writer, entry.status);
    match &entry.span {
        Span::Exactly { version, any_update } => {
            writer.byte(u8::from(*any_update));
            writer.text(version);
        }
        Span::Between { lower, upper } => {
            writer.byte(2);
            put_bound(writer, lower.as_ref());
            put_bound(writer, upper.as_ref());
        }
        Span::Unreadable(text) => {
            writer.byte(3);
            writer.text(text);
        }
    }
    writer.list(&entry.changes, |writer, (at, status)| {
        writer.text(at);
        put_status(writer, *status);
    });
}

fn entry<'a, S: From<&'a str>>(reader: &mut Reader<'a>) -> Decoded<Entry<S>> {
    let entry_status = status(reader)?;
    let span = match reader.byte()? {
        any @ (0 | 1) => Span::Exactly { version: reader.text()?.into(), any_update: any == 1 },
        2 => Span::Between { lower: bound(reader)?, upper: bound(reader)? },
        3 => Span::Unreadable(reader.text()?.into()),
        _ => return Err(Short),
    };
    let changes = reader.list(|reader| Ok((reader.text()?.into(), status(reader)?)))?;
    Ok(Entry { status: entry_status, span, changes })
}

impl Claim {
    /// Writes the claims of a product, each with its length: those of a kernel are read on all cores.
    pub(crate) fn write_all(claims: &[Self], writer: &mut Writer) {
        let mut one = Writer::default();
        writer.list(claims, |writer, claim| {
            one.bytes.clear();
            claim.write(&mut one);
            writer.slice(&one.bytes);
        });
    }

    fn write(&self, writer: &mut Writer) {
        writer.text(&self.id);
        writer.number(u64::from(self.source));
        writer.text(&self.record);
        // Schemes are stored by their place, so new ones come last.
        let scheme = Scheme::ALL.iter().position(|scheme| *scheme == self.scheme).unwrap_or(0);
        writer.count(scheme);
        put_status(writer, self.default);
        writer.list(&self.entries, put_entry);
        writer.byte(u8::try_from(self.part).unwrap_or(b'*'));
        writer.text(&self.target);
        writer.text(&self.release);
        writer.list(&self.conditions, |writer, one_of| {
            writer.list(one_of, |writer, name| writer.text(name));
        });
    }
}

impl<'a, S: From<&'a str>> Claim<S> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Decoded<Self> {
        let id = reader.text()?.into();
        let source = u16::try_from(reader.number()?).map_err(|_| Short)?;
        let record = reader.text()?.into();
        let scheme = usize::try_from(reader.number()?).map_err(|_| Short)?;
        Ok(Self {
            id,
            source,
            record,
            scheme: *Scheme::ALL.get(scheme).ok_or(Short)?,
            default: status(reader)?,
            entries: reader.list(entry)?,
            part: char::from(reader.byte()?),
            target: reader.text()?.into(),
            release: reader.text()?.into(),
            conditions: reader.list(|reader| reader.list(|reader| Ok(reader.text()?.into())))?,
        })
    }
}

impl Vulnerability {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.list(&self.aliases, |writer, alias| writer.text(alias));
        writer.list(&self.withdrawn_by, |writer, source| writer.number(u64::from(*source)));
        writer.list(&self.cvss, |writer, (source, vector, score)| {
            writer.number(u64::from(*source));
            vector_code::write(writer, vector);
            writer.byte(*score);
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Decoded<Self> {
        Ok(Self {
            aliases: reader.list(Reader::string)?,
            withdrawn_by: reader.list(source)?,
            cvss: reader
                .list(|reader| Ok((source(reader)?, vector_code::read(reader)?, reader.byte()?)))?,
        })
    }

    /// The scores in the words of the model; the names of sources come from the snapshot.
    pub(crate) fn scores(&self, name: impl Fn(u16) -> String) -> Vec<CvssScore> {
        let score = |(source, vector, score): &(u16, String, u8)| CvssScore {
            source: name(*source),
            vector: vector.clone(),
            score_tenths: *score,
            severity: Severity::of_tenths(*score),
        };
        self.cvss.iter().map(score).collect()
    }
}

impl Details {
    pub(crate) fn write(&self, writer: &mut Writer) {
        for list in [&self.products, &self.files, &self.weaknesses] {
            writer.list(list, |writer, text| writer.text(text));
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Decoded<Self> {
        Ok(Self {
            products: reader.list(Reader::string)?,
            files: reader.list(Reader::string)?,
            weaknesses: reader.list(Reader::string)?,
        })
    }
}

fn source(reader: &mut Reader<'_>) -> Decoded<u16> {
    u16::try_from(reader.number()?).map_err(|_| Short)
}

/// Three-valued answers as one byte.
fn answer(value: Option<bool>) -> u8 {
    value.map_or(2, u8::from)
}

fn read_answer(reader: &mut Reader<'_>) -> Decoded<Option<bool>> {
    Ok(match reader.byte()? {
        0 => Some(false),
        1 => Some(true),
        2 => None,
        _ => return Err(Short),
    })
}

impl Exploits {
    pub(crate) fn write(&self, writer: &mut Writer) {
        match &self.kev {
            None => writer.byte(0),
            Some((added, ransomware)) => {
                writer.byte(1 + u8::from(*ransomware));
                writer.text(added);
            }
        }
        writer.byte(answer(self.automatable));
        writer.byte(answer(self.impact_total));
        writer.list(&self.signs, |writer, (source, sign)| {
            writer.number(u64::from(*source));
            writer.byte(match sign {
                Exploitation::None => 0,
                Exploitation::PublicPoc => 1,
                Exploitation::Active => 2,
            });
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Decoded<Self> {
        let kev = match reader.byte()? {
            0 => None,
            state @ (1 | 2) => Some((reader.string()?, state == 2)),
            _ => return Err(Short),
        };
        Ok(Self {
            kev,
            automatable: read_answer(reader)?,
            impact_total: read_answer(reader)?,
            signs: reader.list(|reader| {
                let source = source(reader)?;
                let sign = match reader.byte()? {
                    0 => Exploitation::None,
                    1 => Exploitation::PublicPoc,
                    2 => Exploitation::Active,
                    _ => return Err(Short),
                };
                Ok((source, sign))
            })?,
        })
    }
}
