//! Opens a snapshot and asks it questions.

use std::{path::Path, sync::OnceLock};

use auscult_model::{CvssScore, Epss, Exploitation, KevEntry, Sha256, SnapshotInfo};
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    Error, Result,
    affected::describe,
    codec::{Decoded, Reader, Short},
    device::Catalogue,
    record::{Claim, Details, Exploits, Statement, Vulnerability},
    snapshot::{
        ALIASES, DETAILS, EPSS, EXPLOITATION, PRODUCTS, PROSE, RANGES, STATEMENTS, SUPPORT,
        VULNERABILITIES,
        counts::{Counts, YearCoverage},
        format::{Header, Source, read_header},
        scores,
        table::{Table, read_tables},
    },
    support::Cycle,
};

/// So many claims are worth another thread.
const CLAIMS_MIN: usize = 256;

/// An open snapshot. Opening reads the header only; blocks are verified as they are read.
pub struct Snapshot {
    source: Source,
    header: Header,
    root: Sha256,
    base: u64,
    layers: Vec<OnceLock<Vec<Table>>>,
    devices: OnceLock<Catalogue>,
}

/// Everything that a snapshot knows of one id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdvisoryView {
    /// The vulnerability's canonical id.
    pub id: String,
    /// Its other ids.
    pub aliases: Vec<String>,
    /// Sources that withdrew it; while there are any it is never reported.
    pub withdrawn_by: Vec<String>,
    /// Title or first sentence, where the prose layer is there.
    pub title: Option<String>,
    /// Description, where the prose layer is there.
    pub description: Option<String>,
    /// Published scores.
    pub cvss: Vec<CvssScore>,
    /// CWE ids.
    pub weaknesses: Vec<String>,
    /// Source files that hold the weakness.
    pub program_files: Vec<String>,
    /// Entry in the catalogue of known exploited vulnerabilities.
    pub kev: Option<KevEntry>,
    /// Exploit prediction.
    pub epss: Option<Epss>,
    /// Strongest sign of exploitation.
    pub exploitation: Exploitation,
    /// Each sign with its source.
    pub signs: Vec<ExploitSign>,
    /// Whether an attack can be automated.
    pub automatable: Option<bool>,
    /// Whether the technical impact is total.
    pub technical_impact_total: Option<bool>,
    /// What each source says about each product.
    pub claims: Vec<ClaimView>,
    /// What publishers say beside the ranges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<StatementView>,
}

/// A publisher's remediation, threat or justification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementView {
    /// Name of the source.
    pub source: String,
    /// Id of the advisory.
    pub record: String,
    /// `justification`, `threat`, `remediation` or `recommended`.
    pub kind: String,
    /// The publisher's word for it: `vendor_fix`, `component_not_present`.
    pub label: String,
    /// The products that it is about; none for all.
    pub products: Vec<String>,
    /// What it says, where the snapshot holds prose.
    pub text: String,
}

/// A source's sign of exploitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExploitSign {
    /// Name of the source.
    pub source: String,
    /// What it says.
    pub exploitation: Exploitation,
}

/// A source's word on one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimView {
    /// Name of the source.
    pub source: String,
    /// Id of the record.
    pub record: String,
    /// The product.
    pub product: String,
    /// The affected versions, as text.
    pub range: String,
    /// The release of a distribution, empty elsewhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release: String,
    /// What must be there too: one of each list.
    pub requires: Vec<Vec<String>>,
}

impl Snapshot {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_source(Source::open(path)?)
    }

    /// Opens a snapshot that is part of the program.
    pub fn from_bytes(bytes: &'static [u8]) -> Result<Self> {
        Self::from_source(Source::Static(bytes))
    }

    /// Opens a snapshot in memory.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self> {
        Self::from_source(Source::Memory(bytes))
    }

    fn from_source(source: Source) -> Result<Self> {
        let (header, root, base) = read_header(&source)?;
        let layers = header.layers.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { source, header, root, base, layers, devices: OnceLock::new() })
    }

    /// What the snapshot is made of.
    pub fn info(&self) -> SnapshotInfo {
        SnapshotInfo {
            root: self.root,
            date: self.header.date,
            layers: self.header.layers.iter().map(|l| (l.name.clone(), l.digest)).collect(),
            sources: self.header.sources.clone(),
            coverage: self.header.coverage.clone(),
        }
    }

    /// Looks for damage in every block by its checksum, without unpacking: about as fast as memory. A
    /// result that is kept as evidence must not come from a file that is damaged anywhere. What is
    /// used is compared with its digest besides, which no forger can meet.
    pub fn check(&self) -> Result<()> {
        for layer in &self.header.layers {
            self.tables(&layer.name)?.iter().try_for_each(|table| table.check(&self.source))?;
        }
        Ok(())
    }

    /// Unpacks and verifies every block.
    pub fn verify(&self) -> Result<()> {
        for layer in &self.header.layers {
            self.tables(&layer.name)?.iter().try_for_each(|table| table.verify(&self.source))?;
        }
        Ok(())
    }

    /// What the sources together know of the CVE ids of each year, oldest first; empty where the
    /// snapshot is a starter or was written by an earlier release, and so cannot tell.
    pub fn years(&self) -> &[YearCoverage] {
        self.counts().map_or(&[], |counts| counts.years.as_slice())
    }

    pub(crate) fn counts(&self) -> Option<&Counts> {
        self.header.counts.as_ref()
    }

    /// Length of the file.
    pub(crate) fn length(&self) -> u64 {
        self.source.length()
    }

    /// Bytes of the file, not verified.
    pub(crate) fn bytes(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        self.source.read(offset, length)
    }

    /// Digest, offset in the file and length of every directory and block.
    pub(crate) fn stretches(&self) -> Result<Vec<(Sha256, u64, u64)>> {
        let mut stretches = Vec::new();
        for layer in &self.header.layers {
            let offset = self.base.saturating_add(layer.offset);
            stretches.push((layer.digest, offset, layer.directory_bytes));
            stretches.extend(self.tables(&layer.name)?.iter().flat_map(Table::stretches));
        }
        Ok(stretches)
    }

    /// Everything known of one id or of an alias; `None` where nothing is. Of several
    /// vulnerabilities behind one alias the first; [`Self::show_all`] gives the others.
    pub fn show(&self, id: &str) -> Result<Option<AdvisoryView>> {
        let ids = self.canonical(id)?;
        ids.into_iter().next().map(|id| self.view(id)).transpose()
    }

    /// Everything known of an id, or of each vulnerability behind an alias or behind the id of a
    /// record, such as an advisory of a distribution, in the order of their ids. Ids of CVE and of
    /// GitHub are found in any case.
    pub fn show_all(&self, id: &str) -> Result<Vec<AdvisoryView>> {
        self.canonical(id)?.into_iter().map(|id| self.view(id)).collect()
    }

    fn view(&self, id: String) -> Result<AdvisoryView> {
        let vulnerability = self.vulnerability(&id)?;
        let exploits = self.exploits(&id)?;
        let prose = self.prose(&id)?;
        let details = self.details(&id)?;
        Ok(AdvisoryView {
            aliases: vulnerability.aliases.clone(),
            withdrawn_by: vulnerability.withdrawn_by.iter().map(|s| self.source_name(*s)).collect(),
            title: prose.as_ref().map(|(title, _)| title.clone()),
            description: prose.map(|(_, description)| description),
            cvss: vulnerability.scores(|source| self.source_name(source)),
            claims: self.claims_of(&id, &details.products)?,
            weaknesses: details.weaknesses,
            program_files: details.files,
            kev: kev_entry(&exploits),
            epss: self.epss(&id)?,
            exploitation: exploits.strongest(),
            signs: exploits
                .signs
                .iter()
                .map(|(source, sign)| ExploitSign {
                    source: self.source_name(*source),
                    exploitation: *sign,
                })
                .collect(),
            automatable: exploits.automatable,
            technical_impact_total: exploits.impact_total,
            statements: self.statements(&id)?,
            id,
        })
    }

    /// Calls a function with every vulnerability id, in order.
    pub fn each_id(&self, mut visit: impl FnMut(&str)) -> Result<()> {
        let Some(table) = self.table(RANGES, VULNERABILITIES)? else { return Ok(()) };
        table.each(&self.source, |key, _| {
            if let Ok(id) = std::str::from_utf8(key) {
                visit(id);
            }
        })
    }

    /// The source files that hold a weakness, where its record names them; empty where not known.
    pub fn program_files(&self, id: &str) -> Result<Vec<String>> {
        Ok(self.details(id)?.files)
    }

    /// Title and description of a vulnerability, where the prose layer holds them.
    pub fn prose(&self, id: &str) -> Result<Option<(String, String)>> {
        self.read(PROSE, 0, id, |reader| Ok(Some((reader.string()?, reader.string()?))))
    }

    /// The exploit prediction of a vulnerability.
    pub fn epss(&self, id: &str) -> Result<Option<Epss>> {
        let (key, rest) = scores::split(id);
        self.read(EPSS, 0, key, |row| scores::find(row, rest))
    }

    pub(crate) fn vulnerability(&self, id: &str) -> Result<Vulnerability> {
        self.read(RANGES, VULNERABILITIES, id, Vulnerability::read)
    }

    fn details(&self, id: &str) -> Result<Details> {
        self.read(RANGES, DETAILS, id, Details::read)
    }

    pub(crate) fn exploits(&self, id: &str) -> Result<Exploits> {
        self.read(EXPLOITATION, 0, id, Exploits::read)
    }

    /// Tells whether any source speaks of this product.
    pub(crate) fn knows(&self, product: &str) -> Result<bool> {
        Ok(self.get(RANGES, PRODUCTS, product)?.is_some())
    }

    /// All claims about a product; `None` where no source knows it.
    pub(crate) fn claims<'a, S: From<&'a str> + Send>(
        &'a self,
        product: &str,
    ) -> Result<Option<Vec<Claim<S>>>> {
        self.claims_with(product, Some)
    }

    /// Reads each claim about a product and keeps what is made of it, in order; `None` where no source
    /// knows the product.
    pub(crate) fn claims_with<'a, S: From<&'a str>, T: Send>(
        &'a self,
        product: &str,
        make: impl Fn(Claim<S>) -> Option<T> + Sync,
    ) -> Result<Option<Vec<T>>> {
        let Some(bytes) = self.get(RANGES, PRODUCTS, product)? else { return Ok(None) };
        let packed = Reader::new(bytes).list(Reader::slice).map_err(|Short| malformed(RANGES))?;
        let made = packed.par_iter().with_min_len(CLAIMS_MIN).filter_map(|bytes| {
            let claim = Claim::read(&mut Reader::new(bytes));
            claim.map(&make).transpose()
        });
        made.collect::<Decoded<_>>().map(Some).map_err(|Short| malformed(RANGES))
    }

    /// The keys of all products that begin with a text, in order.
    pub(crate) fn products_beginning(&self, prefix: &str) -> Result<Vec<String>> {
        let Some(table) = self.table(RANGES, PRODUCTS)? else { return Ok(Vec::new()) };
        let mut keys = Vec::new();
        table.each_beginning(&self.source, prefix.as_bytes(), |key| {
            keys.extend(std::str::from_utf8(key).map(ToOwned::to_owned));
        })?;
        Ok(keys)
    }

    /// The names of all devices; read once.
    pub(crate) fn catalogue(&self) -> Result<&Catalogue> {
        if let Some(devices) = self.devices.get() {
            return Ok(devices);
        }
        let devices = Catalogue::of(self)?;
        Ok(self.devices.get_or_init(|| devices))
    }

    /// What publishers say of a vulnerability beside its ranges.
    fn statements(&self, id: &str) -> Result<Vec<StatementView>> {
        let read = self.read(RANGES, STATEMENTS, id, |reader| reader.list(Statement::read))?;
        let view = |statement: Statement| StatementView {
            source: self.source_name(statement.source),
            record: statement.record,
            kind: statement.kind,
            label: statement.label,
            products: statement.products,
            text: statement.prose,
        };
        Ok(read.into_iter().map(view).collect())
    }

    /// Whether a source tells until when products are maintained. Snapshots of older programs hold
    /// none.
    pub(crate) fn tells_support(&self) -> bool {
        self.header.layers.iter().any(|layer| layer.name == SUPPORT)
    }

    /// The release cycles of a product.
    pub(crate) fn cycles(&self, product: &str) -> Result<Vec<Cycle>> {
        self.read(SUPPORT, 0, product, |reader| reader.list(Cycle::read))
    }

    /// The products with release cycles that a key stands for.
    pub(crate) fn products_with_cycles(&self, key: &str) -> Result<Vec<String>> {
        self.read(SUPPORT, 1, key, |reader| reader.list(Reader::string))
    }

    pub(crate) fn source_name(&self, source: u16) -> String {
        let source = self.header.sources.get(usize::from(source));
        source.map_or_else(|| "unknown".to_owned(), |source| source.name.clone())
    }

    /// The canonical ids of an id or an alias, sorted.
    fn canonical(&self, id: &str) -> Result<Vec<String>> {
        let upper = id.to_ascii_uppercase();
        let usual = match upper.get(..5) {
            // Identifiers of GitHub are in lower case behind their prefix.
            Some("GHSA-") => {
                format!("GHSA{}", id.get(4..).unwrap_or_default().to_ascii_lowercase())
            }
            _ => upper,
        };
        for spelling in [id, &usual] {
            let mut ids = Vec::new();
            // Ids of which only exploitation, a prediction or prose is known count too.
            let known = self.get(RANGES, VULNERABILITIES, spelling)?.is_some()
                || self.get(PROSE, 0, spelling)?.is_some()
                || self.get(EXPLOITATION, 0, spelling)?.is_some()
                || self.epss(spelling)?.is_some();
            ids.extend(known.then(|| spelling.to_owned()));
            if let Some(bytes) = self.get(RANGES, ALIASES, spelling)? {
                let text = std::str::from_utf8(bytes).map_err(|_| malformed(RANGES))?;
                ids.extend(text.lines().map(ToOwned::to_owned));
            }
            if !ids.is_empty() {
                ids.sort();
                ids.dedup();
                return Ok(ids);
            }
        }
        Ok(Vec::new())
    }

    fn claims_of(&self, id: &str, products: &[String]) -> Result<Vec<ClaimView>> {
        let mut views = Vec::new();
        for key in products {
            let product = key.split_once(':').map_or(key.as_str(), |(_, name)| name);
            // The kernel has tens of thousands of claims, and few are asked for.
            let view =
                |claim: Claim<&str>| (claim.id == id).then(|| self.claim_view(product, &claim));
            views.extend(self.claims_with(key, view)?.unwrap_or_default());
        }
        Ok(views)
    }

    fn claim_view(&self, product: &str, claim: &Claim<&str>) -> ClaimView {
        let owned = |names: &Vec<&str>| names.iter().map(|&name| name.to_owned()).collect();
        ClaimView {
            source: self.source_name(claim.source),
            product: product.to_owned(),
            range: describe(claim),
            record: if claim.record.is_empty() { claim.id } else { claim.record }.to_owned(),
            release: claim.release.to_owned(),
            requires: claim.conditions.iter().map(owned).collect(),
        }
    }

    /// The value of a key where it stands.
    fn get(&self, layer: &str, table: usize, key: &str) -> Result<Option<&[u8]>> {
        match self.table(layer, table)? {
            Some(table) => table.get(&self.source, key.as_bytes()),
            None => Ok(None),
        }
    }

    /// Reads the value of a key; one that is not there reads as empty.
    fn read<T: Default>(
        &self,
        layer: &str,
        table: usize,
        key: &str,
        read: impl FnOnce(&mut Reader<'_>) -> Decoded<T>,
    ) -> Result<T> {
        let Some(bytes) = self.get(layer, table, key)? else { return Ok(T::default()) };
        read(&mut Reader::new(bytes)).map_err(|Short| malformed(layer))
    }

    fn table(&self, layer: &str, index: usize) -> Result<Option<&Table>> {
        Ok(self.tables(layer)?.get(index))
    }

    /// The tables of a layer; none where the snapshot has no such layer.
    fn tables(&self, layer: &str) -> Result<&[Table]> {
        let found = self.header.layers.iter().zip(&self.layers).find(|(l, _)| l.name == layer);
        let Some((header, slot)) = found else { return Ok(&[]) };
        if slot.get().is_none() {
            // Two threads may both read it; the second result is dropped.
            drop(slot.set(read_tables(&self.source, self.base, header)?));
        }
        Ok(slot.get().map_or(&[], Vec::as_slice))
    }
}

fn malformed(layer: &str) -> Error {
    Error::Malformed { layer: layer.to_owned(), what: "a record" }
}

/// The entry of KEV in the words of the model.
pub(crate) fn kev_entry(exploits: &Exploits) -> Option<KevEntry> {
    let (added, ransomware) = exploits.kev.as_ref()?;
    Some(KevEntry { added: added.parse().ok()?, ransomware: *ransomware })
}
