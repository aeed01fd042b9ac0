//! `cargo xtask fuzz [SECONDS] [TARGET]`: runs each fuzz target for a while, from seeds that the
//! testkit builds and, where the shared corpus lies beside the project, from real containers. A
//! target that crashes is named at the end; its input belongs into a test before it is mended. As
//! many targets run at once as there are processors.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use xtask::shell::{answers, release_program, root, run as run_program, shared};

/// A target: its name, how many times the base time it gets (the riskiest parsers get most), and
/// the formats whose containers seed it; none means whole files.
type Target = (&'static str, u64, Seeds);

/// What seeds a target.
#[derive(Clone, Copy)]
enum Seeds {
    /// Small images of the testkit, and small files of the corpus.
    Files,
    /// Containers of these formats.
    Formats(&'static [&'static str]),
    /// Containers of every format of a family.
    Family(&'static str),
    /// Something of its own.
    Own,
}

const FLASH: &[&str] =
    &["jffs2", "ubi", "ubifs", "yaffs", "cramfs", "romfs", "littlefs", "minix", "spiffs"];
const LINUX: &[&str] = &["btrfs", "f2fs", "erofs", "xfs", "reiserfs", "jfs"];
const DOS: &[&str] = &["fat", "exfat", "ntfs", "hfs", "hfsplus"];

const TARGETS: &[Target] = &[
    ("unpack", 3, Seeds::Files),
    ("inspect", 1, Seeds::Files),
    ("squashfs", 3, Seeds::Formats(&["squashfs"])),
    ("ext", 3, Seeds::Formats(&["ext"])),
    ("flash", 3, Seeds::Formats(FLASH)),
    ("linux", 3, Seeds::Formats(LINUX)),
    ("dos", 3, Seeds::Formats(DOS)),
    ("archive", 3, Seeds::Family("archive")),
    ("stream", 3, Seeds::Family("stream")),
    ("boot", 3, Seeds::Family("boot")),
    ("disk", 3, Seeds::Family("disk")),
    ("uefi", 1, Seeds::Family("uefi")),
    ("optical", 1, Seeds::Formats(&["iso9660", "udf"])),
    ("soc", 1, Seeds::Family("soc")),
    ("vendor", 1, Seeds::Family("vendor")),
    ("mcu", 1, Seeds::Family("mcu")),
    ("media", 1, Seeds::Family("media")),
    ("sbom", 1, Seeds::Own),
    ("feeds", 1, Seeds::Own),
    ("advisories", 1, Seeds::Own),
    ("snapshot", 1, Seeds::Own),
    ("bundle", 1, Seeds::Own),
    ("texts", 1, Seeds::Own),
    ("identifiers", 1, Seeds::Own),
    ("versions", 1, Seeds::Own),
    ("stated", 1, Seeds::Own),
    ("operation", 1, Seeds::Own),
    ("hive", 1, Seeds::Own),
    ("attest", 1, Seeds::Own),
    ("fleet", 1, Seeds::Own),
];
/// Inventories, a device and barcodes.
const FLEET: &[&str] = &[
    "Asset;Serial;Mfr;Model;Next PM;Mac;Life Support\n1;S1;Acme;P 2;31.12.2026;00:1b:44:11:3a:b7;yes\n",
    "UDI,Room\n(01)09506000134352(17)251231(21)S1,\"E\n7\"\n+A123BJC5D6E71G,E8\n",
    "udi_di\tserial\tspares\n09506000134352\tS1\t3.0\n",
    r#"{"asset_tag":"1","last_pm":"2026-01-01","mac":["00:1b:44:11:3a:b7"],"life_support":true}"#,
    "]d201095060001343521725123110ABC\u{1d}21S1",
    "+H123PARTNO1234567890120/$$420020216LOT123456789012345/SXYZ456789012345678/16D20130202H",
    "=/A9999XYZ100T0944=,000025=A99971312345600=>014032=}013032&,1000000000000XYZ123",
];
/// Texts that seed the target of the same name.
const IDENTIFIERS: &[&str] = &[
    "pkg:npm/%40scope/name@1.0?arch=arm&vcs_url=git%2Bhttps:%2F%2Fx#a/b",
    "pkg:swid/Acme/acme.example/a@1?tag_id=75b8c285-fa7b-485b-b199-4745e3004d0d",
    "cpe:2.3:a:treck:tcp\\/ip:6.*:sp?:*:*:*:node.js:x64:-",
    "cpe:/a:hp:insight:7.4.%02:-:~~online~win2003~x64~\ncpe:/a:hp:insight",
    "wfn:[part=\"a\", vendor=\"b\", version=\"8\\.*\", update=NA, other=ANY]",
    "AV:N/AC:L/Au:N/C:P/I:P/A:C/E:POC/RL:OF/RC:C/CDP:H/TD:M/CR:H\nCDP:LM/AR:H",
    "CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:C/C:H/I:L/A:N/E:P/RL:O/RC:C/CR:H/MS:U\nMAV:A/IR:H",
    "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:A/MSI:S/U:Red\nMVC:L",
];
/// VEX documents of the three forms, and a capture.
const STATED: &[(&str, &str)] = &[
    (
        "openvex",
        r#"{"@context":"https://openvex.dev/ns/v0.2.0","author":"a","statements":[{"vulnerability":{"name":"CVE-1"},
        "products":[{"@id":"pkg:deb/debian/curl@8"}],"status":"not_affected","justification":"component_not_present"}]}"#,
    ),
    (
        "cyclonedx",
        r#"{"bomFormat":"CycloneDX","components":[{"name":"c","bom-ref":"r","purl":"pkg:npm/c@1"}],"vulnerabilities":[
        {"id":"CVE-1","affects":[{"ref":"r"}],"analysis":{"state":"resolved"}}]}"#,
    ),
    (
        "csaf",
        r#"{"document":{"csaf_version":"2.0"},"product_tree":{"full_product_names":[{"name":"n","product_id":"p"}]},
        "vulnerabilities":[{"cve":"CVE-1","product_status":{"fixed":["p"]}}]}"#,
    ),
    (
        "capture",
        "kernel\t6.1\nroot\tyes\nprocess\t1\t0\t/sbin/init\tinit\nmap\t1\t/lib/libc.so\nsocket\t5\t1\n\
        listen\ttcp\t0100007F:0016\t5\nmodules\tknown\nmodule\tloop\nend\n",
    ),
];
/// A reference and evidence without their frame, path classes, a deny list.
const ATTEST: &[(&str, &str)] = &[
    (
        "reference",
        r#"{"identity":{"vendor":null,"model":"m","firmware_version":"1","build_id":"b","svn":1},"image":{"sha256":
        "0000000000000000000000000000000000000000000000000000000000000000","size":2},"facts":{"sha256":
        "0000000000000000000000000000000000000000000000000000000000000000","tool":{"name":"auscult","version":"1","rules":
        "0000000000000000000000000000000000000000000000000000000000000000"}},"regions":[{"offset":0,"length":2,"name":"raw",
        "class":"exact"}],"coverage":{"bytes_total":2,"bytes_exact":0,"bytes_erased":0,"bytes_free":0,"bytes_unaccounted":2},
        "file_systems":[{"locator":"image","format":"x","entries":[{"path":"/a","kind":"file","mode":420,"size":1}]}],
        "components":[],"classes":{"path":[{"match":"/tmp/**","class":"volatile"}]},"expected":{"accounts":{"unknown":"x"},
        "startup":{"unknown":"x"},"listeners":{"known":[{"name":"tcp/22","what":"w","path":"/a"}]},"setuid":{"unknown":"x"}}}"#,
    ),
    (
        "evidence",
        r#"{"scope":"live","level":"A1","tool":{"name":"a","version":"1","sha256":{"unknown":"x"}},"taken":"2026-11-26T00:00:00Z",
        "challenge":null,"boot_id":null,"signer":null,"image":null,"file_systems":[{"locator":"image","format":"directory",
        "entries":[{"path":"/tmp/a","kind":"symlink","target":"../b"}],"unmeasured":[{"path":"/c","why":"w"}]}],"behaviour":{
        "accounts":{"unknown":"x"},"startup":{"unknown":"x"},"listeners":{"unknown":"x"},"setuid":{"unknown":"x"}},
        "inspected_by":null}"#,
    ),
    (
        "classes",
        "[[path]]\nmatch = \"/a*/**\"\nclass = \"config\"\nsite-set = true\n[[region]]\noffset = 1\nclass = \"data\"\n",
    ),
    ("deny", "number = 1\ndate = \"2026-11-26\"\nbuilds = [\"b\"]\n"),
];
/// What starts and listens, in the words of several systems.
const OPERATION: &[(&str, &str)] = &[
    (
        "inittab",
        "id:5:initdefault:\n::sysinit:/etc/init.d/rcS\nT0:23:respawn:/sbin/getty -L ttyS0 115200\n",
    ),
    (
        "script",
        "#!/bin/sh /etc/rc.common\nUSE_PROCD=1\nPROG=/bin/x\nprocd_set_param command $PROG -p 22 && a || b\n",
    ),
    (
        "unit",
        "[Unit]\nWants=x.socket\n[Service]\nExecStart=/bin/x $A -l :80\nUser=root\n[Install]\nWantedBy=multi-user.target\n",
    ),
    ("passwd", "root::0:0:root:/root:/bin/sh\nx:$6$a$b:1:1::/:\n"),
    (
        "configuration",
        "Port 22\nListenAddress ::\nlisten 80;\nserver.port = 8080\ntelnet stream tcp nowait root /bin/x x\n",
    ),
];
/// A small advisory that uses much of its format.
const ADVISORY: &str = include_str!("../../crates/auscult-advisory/tests/it/csaf_lint.json");
/// Base time in seconds: 3 minutes, so that the riskiest get about 10.
const SECONDS: u64 = 200;
/// Memory of a target, in MiB, and the longest a single input may take, in seconds.
const MEMORY_MIB: u64 = 2048;
const INPUT_SECONDS: u64 = 5;
/// Longest input.
const INPUT_BYTES: u64 = 256 << 10;
/// Largest image that is worth a look for zeros; without them it may be short enough.
const SPARSE_BYTES: u64 = 64 << 20;
/// Seeds of one format from one image.
const SEEDS_MAX: usize = 4;
/// Zeros that end a run of an input of that form.
const RUN_ZEROS: usize = 16;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if !answers("cargo-fuzz", "--version") {
        run_program("cargo install cargo-fuzz --version 0.13.2 --locked")?;
    }
    let seconds = arguments.iter().find_map(|word| word.parse().ok()).unwrap_or(SECONDS);
    let only = arguments.iter().find(|word| word.parse::<u64>().is_err());
    let containers = Containers::cut()?;
    let targets: Vec<&Target> =
        TARGETS.iter().filter(|(target, ..)| only.is_none_or(|only| only == target)).collect();
    ensure!(!targets.is_empty(), "no such target: {}", only.map_or("", String::as_str));
    for (target, _, seeds) in &targets {
        let corpus = corpus(target);
        fs::create_dir_all(&corpus).context("create the seed folder")?;
        seed(&corpus, target)?;
        containers.copy(*seeds, &corpus)?;
    }
    run_program("cargo +nightly fuzz build")?;
    fs::create_dir_all(logs()).context("create the folder for logs")?;
    let (queue, failed) = (Mutex::new(targets.iter()), Mutex::new(Vec::new()));
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((target, times, _)) = next() {
                    let outcome = fuzz(target, seconds * times);
                    println!("{target:10} {}", outcome.as_ref().unwrap_or_else(|error| error));
                    if outcome.is_err()
                        && let Ok(mut failed) = failed.lock()
                    {
                        failed.push(*target);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    ensure!(failed.is_empty(), "look at the logs in {} of {failed:?}", logs().display());
    Ok(())
}

fn corpus(target: &str) -> PathBuf {
    root().join("fuzz").join("corpus").join(target)
}

fn logs() -> PathBuf {
    root().join("target").join("fuzz")
}

/// Runs one target for so long, with a log. Tells what the fuzzer counted; in a failure, what it
/// found.
fn fuzz(target: &str, seconds: u64) -> Result<String, String> {
    let log = logs().join(format!("{target}.log"));
    let told = |error: std::io::Error| error.to_string();
    let file = fs::File::create(&log).map_err(told)?;
    let status = Command::new("cargo")
        .args(["+nightly", "fuzz", "run", target])
        .arg(corpus(target))
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
        .arg(format!("-timeout={INPUT_SECONDS}"))
        .arg(format!("-max_len={INPUT_BYTES}"))
        .arg("-print_final_stats=1")
        .current_dir(root())
        .stdout(file.try_clone().map_err(told)?)
        .stderr(file)
        .status()
        .map_err(told)?;
    let text = String::from_utf8_lossy(&fs::read(&log).map_err(told)?).into_owned();
    let statistic = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("stat::{name}:")));
        line.and_then(|line| line.rsplit(' ').next()).unwrap_or("?").to_owned()
    };
    let summary = format!(
        "{seconds} s, {} inputs, slowest {} s, peak {} MiB",
        statistic("number_of_executed_units"),
        statistic("slowest_unit_time_sec"),
        statistic("peak_rss_mb")
    );
    if status.success() {
        return Ok(summary);
    }
    let reason = text.lines().find(|line| line.contains("ERROR") || line.contains("panicked at"));
    Err(format!("FAILED: {}", reason.unwrap_or("see the log")))
}

fn numbered(texts: &[&str]) -> Vec<(String, Vec<u8>)> {
    let texts = texts.iter().enumerate();
    texts.map(|(number, text)| (format!("text-{number}"), text.as_bytes().to_vec())).collect()
}

/// Writes small inputs of our own, so that the fuzzer need not guess checksums first.
fn seed(folder: &Path, target: &str) -> anyhow::Result<()> {
    let seeds: Vec<(String, Vec<u8>)> = match target {
        "snapshot" => vec![("small".to_owned(), small_snapshot()?)],
        "bundle" => small_bundles()?,
        "sbom" => vec![(
            "minimal".to_owned(),
            br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a"}]}"#
                .to_vec(),
        )],
        "identifiers" => numbered(IDENTIFIERS),
        "fleet" => numbered(FLEET),
        "advisories" => vec![("advisory".to_owned(), ADVISORY.as_bytes().to_vec())],
        "stated" => STATED
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect(),
        "attest" => ATTEST
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect(),
        "operation" => OPERATION
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect(),
        "hive" => vec![("system".to_owned(), small_hive())],
        "feeds" | "texts" => {
            vec![("text".to_owned(), b"model = \"pump\"\n1.2.3-r1".to_vec())]
        }
        "versions" => vec![
            ("versions".to_owned(), b"1:1.2~rc1-3\n1.2.0-beta.2+x\n1.01b_p2-r3".to_vec()),
            ("native".to_owned(), b"npm ^1.2 || 2.x\npypi ~=1.4,!=1.4.2\nmaven [1,2)".to_vec()),
            ("vers".to_owned(), b"vers:deb/>=1:1.0|!=1:1.5|<2:0\nvers:npm/1.0%252F0".to_vec()),
        ],
        _ => auscult_testkit::seeds(),
    };
    for (name, bytes) in seeds {
        fs::write(folder.join(name), bytes).context("write a seed")?;
    }
    Ok(())
}

/// A snapshot of a single record: small enough that every byte of it is tried.
fn small_snapshot() -> anyhow::Result<Vec<u8>> {
    let mirror = tempfile::tempdir()?;
    let record = r#"{"dataType":"CVE_RECORD","dataVersion":"5.1",
        "cveMetadata":{"cveId":"CVE-2099-0001","state":"PUBLISHED"},
        "containers":{"cna":{"title":"made up","affected":[{"vendor":"busybox",
        "product":"busybox","versions":[{"version":"1.0","status":"affected",
        "lessThan":"2.0","versionType":"semver"}]}]}}}"#;
    fs::write(mirror.path().join("CVE-2099-0001.json"), record)?;
    Ok(auscult_advisory::build(mirror.path(), &auscult_advisory::BuildOptions::default())?.bytes)
}

/// A hive with one service, which runs at logon too.
fn small_hive() -> Vec<u8> {
    use auscult_testkit::hive::{Data, Key};
    let service = Key::new("pump")
        .value("Type", Data::Number(0x20))
        .value("Start", Data::Number(2))
        .value("ImagePath", Data::Text("%SystemRoot%\\svchost.exe -k x".to_owned()))
        .key(Key::new("Parameters").value("ServiceDll", Data::Text("C:\\p.dll".to_owned())));
    let run = Key::new("Run").value("pump", Data::Text("C:\\pump.exe".to_owned()));
    Key::new("ROOT")
        .key(Key::new("Select").value("Current", Data::Number(1)))
        .key(Key::new("ControlSet001").key(Key::new("Services").key(service)))
        .key(
            Key::new("Microsoft").key(Key::new("Windows").key(Key::new("CurrentVersion").key(run))),
        )
        .build()
}

/// A bundle signed by the key of the fuzz target, and what its other half takes: the length of the
/// snapshot, then a recipe of four bytes of the base and two of its own.
fn small_bundles() -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let snapshot = auscult_advisory::Snapshot::from_vec(small_snapshot()?)?;
    let key = auscult_advisory::bundle::SigningKey::from_seed(&[7; 32]);
    let mut bundle = Vec::new();
    snapshot.bundle(None, &key, &mut bundle)?;
    let mut recipe = 6_u32.to_le_bytes().to_vec();
    recipe.extend(6_u64.to_le_bytes());
    recipe.extend([2, 4, 1, 48, 2, 0, b'a', b'b']);
    Ok(vec![("whole".to_owned(), bundle), ("recipe".to_owned(), recipe)])
}

/// What of an image is not zero, in the form that the fuzz targets read (`fuzz/src/lib.rs`).
fn sparse(image: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut input = b"zeros???".to_vec();
    input.extend(u32::try_from(image.len())?.to_le_bytes());
    let mut at = 0;
    while let Some(rest) = image.get(at..).filter(|rest| !rest.is_empty()) {
        at += rest.iter().take_while(|&&byte| byte == 0).count();
        let rest = image.get(at..).unwrap_or_default();
        let zeros = rest.windows(RUN_ZEROS).position(|window| window.iter().all(|&byte| byte == 0));
        let run = zeros.unwrap_or(rest.len()).min(usize::from(u16::MAX));
        input.extend(u32::try_from(at)?.to_le_bytes());
        input.extend(u16::try_from(run)?.to_le_bytes());
        input.extend(rest.get(..run).unwrap_or_default());
        at += run;
    }
    Ok(input)
}

/// Real containers, cut out of the shared corpus into a folder that git does not see.
struct Containers {
    /// Format and file.
    cut: Vec<(String, PathBuf)>,
    /// Whole files that are small enough.
    files: Vec<PathBuf>,
}

impl Containers {
    fn cut() -> anyhow::Result<Self> {
        let mut containers = Self { cut: Vec::new(), files: Vec::new() };
        let Some(shared) = shared() else { return Ok(containers) };
        let program = release_program()?;
        let folder = root().join("target").join("seeds");
        fs::create_dir_all(&folder).context("create target/seeds")?;
        for image in crate::reference::images(&shared)? {
            if fs::metadata(&image)?.len() <= INPUT_BYTES {
                containers.files.push(image.clone());
            }
            containers.cut_image(&program, &image, &folder)?;
        }
        Ok(containers)
    }

    /// Cuts the small containers of an image out of it.
    fn cut_image(&mut self, program: &Path, image: &Path, folder: &Path) -> anyhow::Result<()> {
        let listing =
            Command::new(program).arg("unpack").arg(image).args(["-o", "json"]).output()?;
        let Ok(listing) = serde_json::from_slice::<Value>(&listing.stdout) else { return Ok(()) };
        let rows = listing.get("entries").and_then(Value::as_array);
        let mut taken = BTreeMap::<&str, usize>::new();
        for (number, row) in rows.into_iter().flatten().enumerate() {
            let format = row.get("format").and_then(Value::as_str);
            let size = row.get("size").and_then(Value::as_u64).unwrap_or(u64::MAX);
            let locator = row.get("locator").and_then(Value::as_str);
            if let (Some(format), Some(locator)) = (format, locator)
                && size <= SPARSE_BYTES
                && *taken.get(format).unwrap_or(&0) < SEEDS_MAX
            {
                *taken.entry(format).or_default() += 1;
                let name = image.file_name().unwrap_or_default().to_string_lossy();
                let file = folder.join(format!("{format}-{name}-{number}"));
                crate::reference::cut(program, image, locator, &file)?;
                fs::File::options().write(true).open(&file)?.set_len(size)?;
                if size > INPUT_BYTES {
                    let sparse = sparse(&fs::read(&file)?)?;
                    fs::write(&file, &sparse)?;
                }
                if fs::metadata(&file)?.len() <= INPUT_BYTES {
                    self.cut.push((format.to_owned(), file));
                }
            }
        }
        Ok(())
    }

    /// Copies the seeds of a target.
    fn copy(&self, seeds: Seeds, folder: &Path) -> anyhow::Result<()> {
        let names: Vec<&str> = match seeds {
            Seeds::Files => {
                for file in &self.files {
                    fs::copy(file, folder.join(file.file_name().unwrap_or_default()))?;
                }
                return Ok(());
            }
            Seeds::Formats(names) => names.to_vec(),
            Seeds::Family(family) => auscult_unpack::family(family),
            Seeds::Own => return Ok(()),
        };
        for (format, file) in &self.cut {
            if names.contains(&format.as_str()) {
                fs::copy(file, folder.join(file.file_name().unwrap_or_default()))?;
            }
        }
        Ok(())
    }
}
