//! Which parts of a component a record names, and whether it names other places too.

use auscult_model::{Feature, Modular};

/// A longer text is not read to its end.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// The places that a record names.
pub(crate) struct Named {
    /// Parts of the table; none where the record is about something else and only speaks of them.
    pub(super) parts: Vec<&'static Feature>,
    /// A place that is none of them.
    pub(super) other: Option<String>,
}

impl Named {
    /// The table says it of some records. Else source files do where the record has any, else its
    /// text.
    pub(crate) fn read(
        component: &'static Modular,
        id: &str,
        sources: &[String],
        text: &str,
    ) -> Self {
        let listed = component.features.iter().filter(|part| part.records.contains(&id));
        let parts: Vec<&Feature> = listed.collect();
        if !parts.is_empty() {
            return Self { parts, other: None };
        }
        if sources.is_empty() {
            Self::of_text(component, text)
        } else {
            Self::of_sources(component, sources)
        }
    }

    fn of_sources(component: &'static Modular, sources: &[String]) -> Self {
        let mut named = Self { parts: Vec::new(), other: None };
        for source in sources {
            let of_part = |part: &&Feature| part.files.iter().any(|file| is_source(source, file));
            let parts: Vec<&Feature> = component.features.iter().filter(of_part).collect();
            if parts.is_empty() {
                named.other = Some(source.clone());
            }
            named.add(parts);
        }
        named
    }

    /// What a text is about stands in its title or its first sentence. Where a part is named there,
    /// every part that is named later counts too.
    fn of_text(component: &'static Modular, text: &str) -> Self {
        let mut named = Self { parts: Vec::new(), other: None };
        let end = text.floor_char_boundary(TEXT_BYTES_MAX);
        let text = text.get(..end).unwrap_or_default().to_lowercase();
        let head = head(&text);
        // What speaks of parts is blanked out: what is left may speak of other places.
        let (mut rest, mut is_about) = (text.clone(), false);
        for part in &component.features {
            for phrase in phrases(component, part) {
                let found = occurrences(&text, &phrase, is_inside_word);
                if !found.is_empty() {
                    named.add(vec![part]);
                }
                is_about |= found.iter().any(|&at| at < head);
                for at in found {
                    let end = end_of_name(&text, at + phrase.len(), &phrase);
                    rest.replace_range(at..end, &" ".repeat(end - at));
                }
            }
        }
        if !is_about {
            named.parts.clear();
        }
        // A hyphen does not hide another place.
        let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let guard =
            component.guards.iter().find(|guard| !occurrences(&rest, guard, is_inside).is_empty());
        named.other = guard.map(|guard| (*guard).to_owned()).or_else(|| source_name(&rest));
        named
    }

    fn add(&mut self, parts: Vec<&'static Feature>) {
        for part in parts {
            if !self.parts.iter().any(|known| known.name == part.name) {
                self.parts.push(part);
            }
        }
    }
}

/// Where the first sentence behind the title ends; the title is a line of its own.
fn head(text: &str) -> usize {
    let start = text.find('\n').map_or(0, |at| at + 1);
    let rest = text.get(start..).unwrap_or_default();
    let ends = [". ", ".\n", "\n"].iter().filter_map(|end| rest.find(end));
    start + ends.min().unwrap_or(rest.len())
}

/// Whether a path of a record is this file of the table, or lies in this folder.
fn is_source(source: &str, file: &str) -> bool {
    let source = source.trim_start_matches("./");
    if file.ends_with('/') {
        source.starts_with(file) || source.contains(&format!("/{file}"))
    } else {
        source == file || source.ends_with(&format!("/{file}"))
    }
}

/// Everything that speaks of a part, in lower case.
fn phrases(component: &Modular, part: &Feature) -> Vec<String> {
    let said = component
        .say
        .iter()
        .flat_map(|phrase| part.items.iter().map(move |item| phrase.replace("{}", item)));
    let files = part.files.iter().filter(|file| !file.ends_with('/'));
    let names = files.flat_map(|file| [Some(*file), file.rsplit('/').next()]).flatten();
    let folders =
        part.files.iter().filter(|file| file.ends_with('/')).map(|file| (*file).to_owned());
    let words = part.words.iter().map(|word| (*word).to_owned());
    let all = said.chain(names.map(str::to_owned)).chain(folders).chain(words);
    all.map(|phrase| phrase.to_lowercase()).collect()
}

fn is_inside_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Where a name ends whose first part is a phrase: a folder has a file behind it.
fn end_of_name(text: &str, end: usize, phrase: &str) -> usize {
    let rest = text.get(end..).filter(|_| phrase.ends_with('/')).unwrap_or_default();
    let inside = |c: char| c.is_ascii_alphanumeric() || "_-/.".contains(c);
    end + rest.find(|c| !inside(c)).unwrap_or(rest.len())
}

/// Where a phrase stands as whole words.
fn occurrences(text: &str, phrase: &str, is_inside: impl Fn(u8) -> bool) -> Vec<usize> {
    let bytes = text.as_bytes();
    let at =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|&byte| is_inside(byte));
    let ends_open = phrase.ends_with('/');
    let whole = |&start: &usize| {
        !at(start.checked_sub(1)) && (ends_open || !at(Some(start + phrase.len())))
    };
    text.match_indices(phrase).map(|(start, _)| start).filter(whole).collect()
}

/// The first name of a C source in a text.
fn source_name(text: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-/.".contains(c);
    let words = text.split(|c: char| !is_name(c));
    let source = |word: &&str| {
        let word = word.trim_end_matches('.');
        let end = word.rsplit_once('.').filter(|(name, _)| !name.is_empty());
        end.is_some_and(|(_, end)| end == "c" || end == "h")
    };
    words.into_iter().find(source).map(|word| word.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use auscult_model::modular_components;

    use super::Named;

    fn named(component: &str, sources: &[&str], text: &str) -> (Vec<&'static str>, bool) {
        let table = modular_components();
        let component = table.iter().find(|one| one.names.contains(&component)).unwrap();
        let sources: Vec<String> = sources.iter().map(|one| (*one).to_owned()).collect();
        let named = Named::read(component, "CVE-2026-0001", &sources, text);
        let mut parts: Vec<_> = named.parts.iter().map(|part| part.name).collect();
        parts.sort_unstable();
        (parts, named.other.is_some())
    }

    /// Texts as they were published, in part: the component, the parts that they name, and whether they
    /// name other places.
    const TEXTS: &[(&str, &str, &[&str], bool)] = &[
        (
            "busybox",
            "A use-after-free in Busybox's awk applet leads to denial of service and possibly code \
                 execution when processing a crafted awk pattern in the getvar_i function.",
            &["awk"],
            false,
        ),
        (
            "busybox",
            "There is a stack overflow vulnerability in ash.c:6030 in busybox before 1.35.",
            &["ash"],
            false,
        ),
        (
            "busybox",
            "In netstat in BusyBox through 1.37.0, local users can launch",
            &["netstat"],
            false,
        ),
        // It says where the bug shows, not where it is: nslookup printed such names too.
        (
            "busybox",
            "BusyBox through 1.35.0 allows remote attackers to execute arbitrary code if netstat is used to print",
            &[],
            false,
        ),
        (
            "busybox",
            "In the add_match function in libbb/lineedit.c in BusyBox through 1.27.2, the shell",
            &[],
            true,
        ),
        ("busybox", "the awk applet and other applets of BusyBox", &["awk"], true),
        ("busybox", "the awk applet, in editors/awk.c and libbb/xfuncs.c", &["awk"], true),
        (
            "busybox",
            "Integer overflow in the DHCP client (udhcpc) in BusyBox before 1.25.0",
            &["udhcp"],
            false,
        ),
        (
            "busybox",
            "The recv_and_process_client_pkt function in networking/ntpd.c in busybox",
            &["ntpd"],
            false,
        ),
        (
            "busybox",
            "upgrade.html of a phone appends flags to the busybox ftpget command",
            &[],
            false,
        ),
        (
            "dnsmasq",
            "A heap-based buffer overflow was discovered in dnsmasq when DNSSEC is enabled",
            &["DNSSEC"],
            false,
        ),
        (
            "dnsmasq",
            "a weak hash of the query name (CRC32 when dnsmasq is compiled without DNSSEC, SHA-1 otherwise)",
            &[],
            true,
        ),
        ("dnsmasq", "stack overflow via a crafted DHCPv6 request", &["DHCPv6"], false),
        ("openssl", "invalid DTLS handshake to an OpenSSL DTLS client", &["DTLS"], false),
        ("openssl", "handling of ciphersuites in SSL, TLS and DTLS", &["DTLS"], true),
        (
            "krb5",
            "ec_verify in kdc/kdc_preauth_ec.c in the Key Distribution Center (KDC) in MIT Kerberos 5",
            &["kdc"],
            false,
        ),
        (
            "krb5",
            "allows unbounded recursion because the lib/krb5/asn.1/asn1_encode.c support lacks a limit",
            &[],
            true,
        ),
        (
            "krb5",
            "PAC parsing has integer overflows that may lead to code execution (in KDC, kadmind)",
            &[],
            false,
        ),
        ("openssl", "The PKCS7 or CMS routines", &["CMS"], true),
        ("openssl", "experimental J-PAKE implementation", &["J-PAKE"], false),
        // It is about something else and tells what that is used for.
        (
            "openssl",
            "Bignum squaring (BN_sqr) may produce incorrect results. SRP and DTLS use it.",
            &[],
            false,
        ),
        // A part that is named later must be missing too.
        (
            "openssl",
            "The experimental J-PAKE implementation fails. So does SRP.",
            &["J-PAKE", "SRP"],
            false,
        ),
        (
            "nginx",
            "a vulnerability in the module ngx_http_mp4_module, which might",
            &["http_mp4_module"],
            false,
        ),
    ];

    #[test]
    fn texts_name_parts_and_other_places() {
        for (component, text, parts, other) in TEXTS {
            let text = &format!("a title\n{text}");
            assert_eq!(named(component, &[], text), (parts.to_vec(), *other), "{text}");
        }
    }

    #[test]
    fn sources_decide_where_a_record_has_them() {
        let text = "the awk applet";
        for (sources, parts, other) in [
            (&["editors/vi.c"][..], &["vi"][..], false),
            (&["busybox/networking/udhcp/domain.c"], &["udhcp"], false),
            (&["editors/awk.c", "libbb/lineedit.c"], &["awk"], true),
            (&["archival/libarchive/get_header_tar.c"], &[], true),
        ] {
            assert_eq!(named("busybox", sources, text), (parts.to_vec(), other), "{sources:?}");
        }
    }
}
