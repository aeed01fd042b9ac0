//! The shapes of feeds as they are officially served, from a few made-up vulnerabilities.

use crate::{
    Tree, archive,
    checksum::sha256_hex,
    stream::gzip,
    zip::{ZipMember, ZipMethod, zip},
};

/// A made-up vulnerability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vulnerability {
    /// Its id, such as `CVE-2099-0001`.
    pub id: String,
    /// Who makes the product.
    pub vendor: String,
    /// The product.
    pub product: String,
    /// The version that repairs it.
    pub fixed: String,
    /// The day of its last change, such as `2026-11-20`.
    pub date: String,
    /// Number of references.
    pub references: usize,
}

impl Vulnerability {
    /// Number `number` of a kind, all in one product.
    pub fn number(number: usize) -> Self {
        Self {
            id: format!("CVE-2099-{number:04}"),
            vendor: "busybox".to_owned(),
            product: "busybox".to_owned(),
            fixed: format!("1.{}.0", number % 40),
            date: "2026-11-20".to_owned(),
            references: 1,
        }
    }

    /// So many of them.
    pub fn some(count: usize) -> Vec<Self> {
        (1..=count).map(Self::number).collect()
    }

    fn year(&self) -> &str {
        self.id.split('-').nth(1).unwrap_or("2099")
    }

    fn urls(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.references).map(|at| format!("https://advisory.example/{}/{at}", self.id))
    }
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(",")
}

fn nvd_item(vulnerability: &Vulnerability) -> String {
    let Vulnerability { id, vendor, product, fixed, date, .. } = vulnerability;
    let references = list(vulnerability.urls().map(|url| format!(r#"{{"url":"{url}"}}"#)));
    format!(
        r#"{{"cve":{{"id":"{id}","sourceIdentifier":"cve@mitre.org","published":"{date}T00:00:00.000",
"lastModified":"{date}T10:00:00.000","vulnStatus":"Analyzed",
"descriptions":[{{"lang":"en","value":"made up"}}],"metrics":{{}},"weaknesses":[],
"configurations":[{{"nodes":[{{"operator":"OR","negate":false,"cpeMatch":[{{"vulnerable":true,
"criteria":"cpe:2.3:a:{vendor}:{product}:*:*:*:*:*:*:*:*","versionEndExcluding":"{fixed}",
"matchCriteriaId":"00000000-0000-0000-0000-000000000000"}}]}}]}}],"references":[{references}]}}}}"#
    )
}

/// A page of NVD's interface 2.0, or a yearly file.
pub fn nvd(all: &[Vulnerability], start: usize, per_page: usize) -> String {
    let page: Vec<&Vulnerability> = all.iter().skip(start).take(per_page).collect();
    format!(
        r#"{{"resultsPerPage":{},"startIndex":{start},"totalResults":{},"format":"NVD_CVE","version":"2.0",
"timestamp":"2026-11-21T00:00:00.000","vulnerabilities":[{}]}}"#,
        page.len(),
        all.len(),
        list(page.into_iter().map(nvd_item))
    )
}

/// The `.meta` beside a yearly file.
pub fn nvd_meta(text: &str, packed: &[u8]) -> String {
    format!(
        "lastModifiedDate:2026-11-21T03:00:00-05:00\r\nsize:{}\r\nzipSize:{}\r\ngzSize:{}\r\nsha256:{}\r\n",
        text.len(),
        packed.len(),
        packed.len(),
        sha256_hex(text.as_bytes()).to_ascii_uppercase()
    )
}

/// A record of the CVE List.
pub fn cve_record(vulnerability: &Vulnerability) -> String {
    record_of(vulnerability, "8254265b-2729-46b6-b9e3-3dfca2d5bfca")
}

/// A record of the Linux kernel's own CNA.
pub fn kernel_record(vulnerability: &Vulnerability) -> String {
    let linux = || "Linux".to_owned();
    let kernel = Vulnerability { vendor: linux(), product: linux(), ..vulnerability.clone() };
    record_of(&kernel, "f4215fc3-5b6b-47ff-a258-f7189bd81038")
}

/// A record by the organisation of this id.
fn record_of(vulnerability: &Vulnerability, organisation: &str) -> String {
    let Vulnerability { id, vendor, product, fixed, date, .. } = vulnerability;
    let references = list(vulnerability.urls().map(|url| format!(r#"{{"url":"{url}"}}"#)));
    format!(
        r#"{{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{{"cveId":"{id}","assignerOrgId":"{organisation}","state":"PUBLISHED",
"dateUpdated":"{date}T00:00:00.000Z"}},"containers":{{"cna":{{"providerMetadata":{{"orgId":"{organisation}"}},"title":"made up","affected":[{{"vendor":"{vendor}",
"product":"{product}","defaultStatus":"unaffected","versions":[{{"version":"0","status":"affected",
"lessThan":"{fixed}","versionType":"semver"}}]}}],"references":[{references}]}}}}}}"#
    )
}

/// An archive of records as a release of the CVE List has it; a whole is packed twice.
pub fn cve_archive(all: &[Vulnerability], whole: bool) -> Vec<u8> {
    let members: Vec<ZipMember> = all
        .iter()
        .map(|one| {
            let folder =
                if whole { format!("cves/{}/0xxx", one.year()) } else { "deltaCves".into() };
            let name = format!("{folder}/{}.json", one.id);
            ZipMember::file(&name, ZipMethod::Deflate, cve_record(one))
        })
        .collect();
    let inner = zip(&members);
    if whole { zip(&[ZipMember::file("cves.zip", ZipMethod::Stored, inner)]) } else { inner }
}

/// A page of GitHub's list of releases: names of assets with their addresses and bytes.
pub fn releases(assets: &[(String, String, Vec<u8>)]) -> String {
    let releases = assets.iter().map(|(name, url, bytes)| {
        let digest = sha256_hex(bytes);
        format!(
            r#"{{"tag_name":"cve_{name}","draft":false,"prerelease":false,"assets":[{{"name":"{name}",
"size":{},"digest":"sha256:{digest}","updated_at":"2026-11-21T00:00:00Z","browser_download_url":"{url}"}}]}}"#,
            bytes.len()
        )
    });
    format!("[{}]", list(releases))
}

/// An archive of a repository with these files.
pub fn repository(files: &[(String, String)]) -> Vec<u8> {
    let tree = files
        .iter()
        .fold(Tree::new(), |tree, (name, text)| tree.file(name.clone(), 0o644, text.clone()));
    gzip(&archive::tar(&tree))
}

/// CISA's catalogue.
pub fn kev(all: &[Vulnerability], date: &str) -> String {
    let entries = all.iter().map(|one| {
        format!(
            r#"{{"cveID":"{}","vendorProject":"{}","product":"{}","vulnerabilityName":"made up",
"dateAdded":"{}","shortDescription":"made up","requiredAction":"none","dueDate":"{}",
"knownRansomwareCampaignUse":"Unknown","notes":"","cwes":[]}}"#,
            one.id, one.vendor, one.product, one.date, one.date
        )
    });
    format!(
        r#"{{"title":"CISA Catalog of Known Exploited Vulnerabilities","catalogVersion":"{}",
"dateReleased":"{date}T12:00:00.0000Z","count":{},"vulnerabilities":[{}]}}"#,
        date.replace('-', "."),
        all.len(),
        list(entries)
    )
}

/// EPSS scores of a day.
pub fn epss(all: &[Vulnerability], date: &str) -> String {
    let mut text = format!(
        "#model_version:v2025.03.14,score_date:{date}T00:00:00+0000\ncve,epss,percentile\n"
    );
    for one in all {
        text.push_str(&format!("{},0.00043,0.12345\n", one.id));
    }
    text
}

/// OSV's archive of an ecosystem.
pub fn osv(all: &[Vulnerability], ecosystem: &str) -> Vec<u8> {
    let members: Vec<ZipMember> = all
        .iter()
        .map(|one| {
            let id = one.id.replace("CVE", "OSV");
            let record = format!(
                r#"{{"schema_version":"1.7.0","id":"{id}","modified":"{}T00:00:00Z","aliases":["{}"],
"affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{}"}},"ranges":[{{"type":"ECOSYSTEM",
"events":[{{"introduced":"0"}},{{"fixed":"{}"}}]}}]}}]}}"#,
                one.date, one.id, one.product, one.fixed
            );
            ZipMember::file(&format!("{id}.json"), ZipMethod::Deflate, record)
        })
        .collect();
    zip(&members)
}

/// Debian's tracker.
pub fn debian(all: &[Vulnerability]) -> String {
    let entries = all.iter().map(|one| {
        format!(
            r#""{}":{{"description":"made up","scope":"remote","releases":{{"bookworm":{{"status":"resolved",
"repositories":{{"bookworm":"1:{}-1"}},"fixed_version":"1:{}-1","urgency":"not yet assigned"}}}}}}"#,
            one.id, one.fixed, one.fixed
        )
    });
    format!(r#"{{"busybox":{{{}}}}}"#, list(entries))
}

/// A branch of Alpine's database.
pub fn alpine(all: &[Vulnerability], branch: &str, repository: &str) -> String {
    let fixes = all.iter().map(|one| format!(r#""{}-r0":["{}"]"#, one.fixed, one.id));
    format!(
        r#"{{"apkurl":"{{{{urlprefix}}}}/{{{{distroversion}}}}/{{{{reponame}}}}/{{{{arch}}}}/{{{{pkg.name}}}}-{{{{pkg.ver}}}}.apk",
"archs":["armhf"],"reponame":"{repository}","urlprefix":"https://dl-cdn.alpinelinux.org/alpine",
"distroversion":"{branch}","packages":[{{"pkg":{{"name":"busybox","secfixes":{{{}}}}}}}]}}"#,
        list(fixes)
    )
}

/// The index of the Exploit Database.
pub fn exploit_db(all: &[Vulnerability]) -> String {
    let mut text = "id,file,description,date_published,author,type,platform,port,date_added,date_updated,verified,codes,tags,aliases,screenshot_url,application_url,source_url\n".to_owned();
    for (number, one) in all.iter().enumerate() {
        text.push_str(&format!(
            "{},exploits/linux/remote/{}.txt,\"made up\",{},nobody,remote,linux,,{},{},0,{},,,,,\n",
            50_000 + number,
            50_000 + number,
            one.date,
            one.date,
            one.date,
            one.id
        ));
    }
    text
}

/// Metasploit's list of modules.
pub fn metasploit(all: &[Vulnerability]) -> String {
    let modules = all.iter().map(|one| {
        let name = format!("exploit/linux/{}", one.id.to_lowercase());
        format!(
            r#""{name}":{{"name":"made up","fullname":"{name}","rank":300,"type":"exploit","author":["nobody"],
"description":"made up","references":["{}"],"platform":"Linux","mod_time":"{} 00:00:00 +0000","path":"/modules/{name}.rb"}}"#,
            one.id, one.date
        )
    });
    format!("{{{}}}", list(modules))
}

/// All products of endoflife.date.
pub fn endoflife() -> String {
    r#"{"schema_version":"1.2.0","generated_at":"2026-11-21T00:00:00+00:00","total":1,"result":[{"name":"openssl",
"aliases":[],"label":"OpenSSL","category":"framework","tags":[],"identifiers":[],"releases":[{"name":"1.0.2",
"label":"1.0.2","releaseDate":"2015-01-22","isLts":true,"eolFrom":"2019-12-31","isEol":true,"isMaintained":false}]}]}"#
        .to_owned()
}

/// A CSAF document.
pub fn csaf(one: &Vulnerability, id: &str) -> String {
    let references = list(
        one.urls()
            .map(|url| format!(r#"{{"category":"external","summary":"made up","url":"{url}"}}"#)),
    );
    format!(
        r#"{{"document":{{"category":"csaf_security_advisory","csaf_version":"2.0","title":"made up",
"publisher":{{"category":"coordinator","name":"Example","namespace":"https://advisory.example"}},
"references":[{references}],"tracking":{{"id":"{id}","status":"final","version":"1",
"initial_release_date":"{date}T00:00:00Z","current_release_date":"{date}T00:00:00Z",
"revision_history":[{{"number":"1","date":"{date}T00:00:00Z","summary":"first"}}]}}}},
"product_tree":{{"branches":[{{"category":"vendor","name":"{}","branches":[{{"category":"product_name","name":"{}",
"branches":[{{"category":"product_version_range","name":"<{}","product":{{"name":"made up","product_id":"P1"}}}}]}}]}}]}},
"vulnerabilities":[{{"cve":"{}","product_status":{{"known_affected":["P1"]}}}}]}}"#,
        one.vendor,
        one.product,
        one.fixed,
        one.id,
        date = one.date
    )
}
