//! The reference tools: what opens a format, and where it comes from.

use std::path::PathBuf;

use xtask::shell::{self, root};

/// What opens a format: a shell script with `{in}` and the folder `{out}`, in which it runs.
pub(super) struct Tool {
    pub(super) format: &'static str,
    pub(super) name: &'static str,
    /// Ending that the input must have for the tool to know it.
    pub(super) ending: &'static str,
    pub(super) script: &'static str,
    /// It never shortens a file that was rewritten: what it writes may go on behind the end.
    pub(super) overlong: bool,
}

const fn tool(format: &'static str, name: &'static str, script: &'static str) -> Tool {
    named(format, name, "", script)
}

const fn named(
    format: &'static str,
    name: &'static str,
    ending: &'static str,
    script: &'static str,
) -> Tool {
    Tool { format, name, ending, script, overlong: false }
}

const TOOLS: &[Tool] = &[
    tool("squashfs", "unsquashfs", "unsquashfs -n -q -f -d {out}/x {in}"),
    tool("ext", "debugfs", "mkdir x && debugfs -R 'rdump / x' {in}"),
    Tool {
        // Of the size that the last node of a file tells, jefferson takes no notice.
        overlong: true,
        ..tool("jffs2", "jefferson", "jefferson -f -d {out}/x {in}")
    },
    tool("ubi", "ubireader", "ubireader_extract_images -o {out}/x {in}"),
    tool("ubifs", "ubireader", "ubireader_extract_files -k -o {out}/x {in}"),
    tool("cramfs", "fsck.cramfs", "fsck.cramfs --extract={out}/x {in}"),
    tool("erofs", "fsck.erofs", "mkdir x && fsck.erofs --extract={out}/x --force {in}"),
    tool("btrfs", "btrfs restore", "btrfs restore {in} {out}"),
    tool("fat", "mtools", "mcopy -s -n -i {in} ::/* {out}"),
    tool("exfat", "7z", "7z x -y -o{out} {in}"),
    tool("ntfs", "7z", "7z x -y -tNTFS -o{out} {in} && rm -rf '[SYSTEM]'"),
    tool("iso9660", "7z", "7z x -y -tIso -o{out} {in} && rm -rf '[BOOT]'"),
    tool("udf", "7z", "7z x -y -tUdf -o{out} {in}"),
    tool("hfsplus", "7z", "7z x -y -tHFS -o{out} {in} && rm -rf '[HFS+ Private Data]'"),
    tool("mbr", "7z", "7z x -y -tMBR -o{out} {in} && find . -type f ! -name '*.*' -delete"),
    tool("gpt", "7z", "7z x -y -tGPT -o{out} {in}"),
    tool("yaffs", "unyaffs", "unyaffs {in} {out}"),
    tool("cpio", "cpio", "cpio -i -d --quiet --no-absolute-filenames < {in}"),
    tool("tar", "tar", "tar -x --no-same-owner -f {in}"),
    tool("zip", "7z", "7z x -y -tZip -p -o{out} {in}"),
    tool("7z", "7z", "7z x -y -t7z -p -o{out} {in}"),
    tool("cab", "cabextract", "cabextract -q -d {out} {in}"),
    tool("rpm", "rpm2cpio", "rpm2cpio {in} | cpio -i -d --quiet --no-absolute-filenames"),
    tool("ar", "ar", "ar x {in}"),
    named("arj", "arj", ".arj", "arj x -y {in} {out}/"),
    tool("lha", "lha", "lha xq {in}"),
    tool("xar", "7z", "7z x -y -tXar -o{out} {in} && rm -f '[TOC].xml'"),
    named("zoo", "unar", ".zoo", "unar -q -D -k skip -o {out} {in}"),
    named("zpaq", "zpaq", ".zpaq", "zpaq x {in} -to x"),
    named("stuffit", "unar", ".sitx", STUFFIT),
    named("rar", "bsdtar", ".rar", "bsdtar -xf {in}"),
    tool("shar", "sh", "sh {in}"),
    tool("wim", "wimlib", "wimlib-imagex extract {in} 1 --dest-dir={out}"),
    named("gzip", "gzip", ".gz", "gzip -dc {in} > x"),
    tool("xz", "xz", "xz -dc {in} > x"),
    tool("bzip2", "bzip2", "bzip2 -dc {in} > x"),
    tool("lzma", "xz", "xz --format=lzma -dc {in} > x"),
    tool("lzip", "lzip", "lzip -dc {in} > x"),
    named("lzop", "lzop", ".lzo", "lzop -dc {in} > x"),
    tool("lz4", "lz4", "lz4 -dc {in} > x"),
    tool("zstd", "zstd", "zstd -q -dc {in} > x"),
    named("compress", "ncompress", ".Z", "uncompress.real -c {in} > x"),
    tool("android-sparse", "simg2img", "simg2img {in} x"),
    tool("android-boot", "unpack_bootimg", "unpack_bootimg --boot_img {in} --out {out}"),
    tool("qcow", "qemu-img", "qemu-img convert -O raw {in} x"),
    tool("ihex", "bincopy", HEX_FILES),
    tool("srec", "bincopy", HEX_FILES),
    tool("zlib", "Python", ZLIB),
    tool("fit", "dumpimage", "dumpimage -T flat_dt -p 0 -o x {in}"),
];

/// Resource forks come in files of AppleDouble (RFC 1740, appendix B): a table of entries, of which
/// the one with id 2 is the fork.
const STUFFIT: &str = "unar -q -D -k visible -o {out} {in} && python3 -c \"
import pathlib, struct
for path in pathlib.Path('{out}').rglob('*.rsrc'):
    double = path.read_bytes()
    if double[:4] == bytes([0, 5, 22, 7]):
        count = struct.unpack_from('>H', double, 24)[0]
        entries = [struct.unpack_from('>III', double, 26 + 12 * at) for at in range(count)]
        path.write_bytes(b''.join(double[at:at + size] for kind, at, size in entries if kind == 2))
\"";

/// One file for each run of addresses.
const HEX_FILES: &str = "python3 -c \"
import bincopy
for segment in bincopy.BinFile('{in}').segments:
    open(hex(segment.address), 'wb').write(segment.data)
\"";

const ZLIB: &str = "python3 -c \"
import zlib
open('x', 'wb').write(zlib.decompressobj().decompress(open('{in}', 'rb').read()))
\"";

/// The tool for a format.
pub(super) fn for_format(format: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.format == format)
}

/// Debian packages that hold the tools, by one program of each.
const DEBIAN: &[(&str, &str)] = &[
    ("7z", "p7zip-full"),
    ("arj", "arj"),
    ("bsdtar", "libarchive-tools"),
    ("btrfs", "btrfs-progs"),
    ("bzip2", "bzip2"),
    ("cabextract", "cabextract"),
    ("cpio", "cpio"),
    ("debugfs", "e2fsprogs"),
    ("dumpimage", "u-boot-tools"),
    ("fsck.cramfs", "util-linux"),
    ("fsck.erofs", "erofs-utils"),
    ("lha", "lhasa"),
    ("lz4", "lz4"),
    ("lzip", "lzip"),
    ("lzop", "lzop"),
    ("mcopy", "mtools"),
    ("python3", "python3"),
    ("qemu-img", "qemu-utils"),
    ("rpm2cpio", "rpm"),
    ("simg2img", "android-sdk-libsparse-utils"),
    ("unar", "unar"),
    ("uncompress.real", "ncompress"),
    ("unpack_bootimg", "mkbootimg"),
    ("unsquashfs", "squashfs-tools"),
    ("unyaffs", "unyaffs"),
    ("wimlib-imagex", "wimtools"),
    ("zpaq", "zpaq"),
    ("zstd", "zstd"),
];

/// Packages of PyPI.
const PYPI: &str = "jefferson==0.4.8 ubi_reader==0.8.16 bincopy==20.1.1";
/// The program of the last of them.
const LAST: &str = "bincopy";

/// The folder of the Python environment with the tools of PyPI.
fn environment() -> PathBuf {
    root().join("target").join("reference")
}

/// Installs what is missing.
pub(super) fn install() -> anyhow::Result<()> {
    shell::install_debian(DEBIAN)?;
    let environment = environment();
    if !environment.join("bin").join(LAST).is_file() {
        let folder = environment.display();
        // Debian keeps the module that makes environments in a package of its own.
        if shell::run(&format!("python3 -m venv {folder}")).is_err() {
            shell::install_debian(&[("pyvenv", "python3-venv")])?;
            shell::run(&format!("python3 -m venv {folder}"))?;
        }
        shell::run(&format!("{folder}/bin/pip install -q {PYPI}"))?;
    }
    Ok(())
}

/// Where the tools are looked for.
pub(super) fn path() -> String {
    let own = environment().join("bin");
    let usual = std::env::var("PATH").unwrap_or_default();
    format!("{}:{usual}:/usr/sbin:/sbin", own.display())
}
