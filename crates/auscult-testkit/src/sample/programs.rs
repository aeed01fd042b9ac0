//! The programs and libraries of the sample, each with the texts by which it is known.

use crate::checksum;
use crate::elf::{Elf, ElfKind};

const INTERPRETER: Option<&str> = Some("/lib/ld-uClibc.so.1");

/// A program or library to be placed in the root file system.
pub(super) struct Program {
    /// Where it goes.
    pub(super) path: &'static str,
    /// Permission bits.
    pub(super) mode: u16,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
}

/// Strings as a compiler lays them out: each with its NUL.
fn strings(texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect()
}

/// Filler of a few KiB, another one for each file.
fn text_of(path: &str) -> Vec<u8> {
    let seed = checksum::crc32(path.as_bytes());
    let length = usize::try_from(seed % 8192).expect("small") + 6144;
    super::code(length & !3, seed | 1)
}

fn program(path: &'static str, texts: &[&str], elf: Elf<'_>) -> Program {
    let rodata = strings(texts);
    // A build id as linkers make it: a digest of what is linked.
    let build_id = checksum::md5(&[path.as_bytes(), &rodata].concat());
    let interpreter = elf.interpreter.or(INTERPRETER);
    let text = &text_of(path);
    let build_id = Some(&build_id[..]);
    let elf = Elf { rodata: &rodata, build_id, interpreter, text, ..elf };
    Program { path, mode: 0o755, bytes: elf.build() }
}

fn library(path: &'static str, soname: &str, texts: &[&str], elf: Elf<'_>) -> Program {
    let rodata = strings(texts);
    let kind = ElfKind::Shared;
    let text = &text_of(path);
    let elf = Elf { rodata: &rodata, soname: Some(soname), kind, text, ..elf };
    Program { path, mode: 0o755, bytes: elf.build() }
}

fn without_libc(path: &'static str, texts: &[&str]) -> Program {
    let rodata = strings(texts);
    let elf = Elf { rodata: &rodata, text: &text_of(path), ..Elf::default() };
    Program { path, mode: 0o755, bytes: elf.build() }
}

/// Everything that is an ELF file, in order of path within each group.
pub(super) fn all() -> Vec<Program> {
    let mut programs = system();
    programs.extend(network());
    programs.extend(system_libraries());
    programs.extend(libraries());
    programs.extend(vendor());
    programs
}

fn system() -> Vec<Program> {
    let busybox = program(
        "/bin/busybox",
        &[
            "BusyBox v1.26.2 (2017-03-28 10:24:17 UTC)",
            " multi-call binary.\n",
            "[",
            "[[",
            "ash",
            "awk",
            "cat",
            "chmod",
            "cp",
            "ftpget",
            "getty",
            "gunzip",
            "hostname",
            "httpd",
            "ifconfig",
            "init",
            "insmod",
            "ip",
            "killall",
            "login",
            "ls",
            "mount",
            "ping",
            "ps",
            "rm",
            "rmmod",
            "route",
            "sh",
            "sysctl",
            "syslogd",
            "tar",
            "telnetd",
            "tftp",
            "udhcpc",
            "umount",
            "unzip",
            "vi",
            "wget",
        ],
        Elf {
            needed: &["libc.so.1"],
            imports: &["strcpy", "sprintf", "system", "crypt", "getpwnam"],
            ..Elf::default()
        },
    );
    let sudo = program(
        "/usr/bin/sudo",
        &["Sudo version %s\n", "1.8.19p2", "usage: sudo -h | -K | -k | -V", "/etc/sudoers"],
        Elf { needed: &["libc.so.1"], imports: &["setuid", "execve"], ..Elf::default() },
    );
    let bash = program(
        "/bin/bash",
        &[
            "GNU bash, version %s (%s)\n",
            "4.4.12(1)-release",
            "@(#)Bash version 4.4.12(1) release GNU",
            "arm-buildroot-linux-uclibcgnueabi",
        ],
        Elf { needed: &["libc.so.1"], imports: &["execve", "fork"], ..Elf::default() },
    );
    vec![Program { mode: 0o4755, ..busybox }, Program { mode: 0o4755, ..sudo }, bash]
}

fn network() -> Vec<Program> {
    vec![
        program(
            "/usr/sbin/dropbear",
            &[
                "SSH-2.0-dropbear_2016.74",
                "Dropbear server v%s https://matt.ucc.asn.au/dropbear/dropbear.html",
                "2016.74",
                "/etc/dropbear/dropbear_rsa_host_key",
            ],
            Elf { needed: &["libz.so.1", "libc.so.1"], imports: &["crypt"], ..Elf::default() },
        ),
        program(
            "/usr/sbin/dnsmasq",
            &[
                "dnsmasq-2.76",
                "Dnsmasq version %s  %s\n\n",
                "2.76",
                "Copyright (c) 2000-2016 Simon Kelley",
                "started, version %s cachesize %d",
            ],
            Elf { needed: &["libc.so.1"], imports: &["recvmsg", "sendmsg"], ..Elf::default() },
        ),
        program(
            "/usr/sbin/lighttpd",
            &[
                "lighttpd/1.4.45",
                "lighttpd/1.4.45 (ssl) - a light and fast webserver\n",
                "Build-Date: Mar 28 2017 10:31:40\n",
            ],
            Elf {
                needed: &["libpcre.so.1", "libssl.so.1.0.0", "libcrypto.so.1.0.0", "libc.so.1"],
                imports: &["pcre_exec", "SSL_new", "SSL_read"],
                ..Elf::default()
            },
        ),
        program(
            "/usr/sbin/wpa_supplicant",
            &[
                "wpa_supplicant v2.6\nCopyright (c) 2003-2016, Jouni Malinen <j@w1.fi> and \
                 contributors",
                "nl80211",
                "WPA: 4-Way Handshake failed - pre-shared key may be incorrect",
            ],
            Elf {
                needed: &["libssl.so.1.0.0", "libcrypto.so.1.0.0", "libc.so.1"],
                imports: &["SSL_new", "EVP_DigestInit_ex"],
                ..Elf::default()
            },
        ),
        program(
            "/usr/sbin/ntpd",
            &["ntpd 4.2.8p9@1.3265-o Tue Mar 28 10:33:11 UTC 2017 (1)", "/etc/ntp.conf"],
            Elf { needed: &["libc.so.1"], imports: &["recvfrom"], ..Elf::default() },
        ),
    ]
}

/// The C library and the packaged OpenSSL.
fn system_libraries() -> Vec<Program> {
    vec![
        library(
            "/lib/ld-uClibc-1.0.22.so",
            "ld-uClibc.so.1",
            &["%s: library '%s' is not ELF"],
            Elf { exports: &["_dl_find_hash"], ..Elf::default() },
        ),
        library(
            "/lib/libuClibc-1.0.22.so",
            "libc.so.1",
            &["Assertion failed: %s (%s: %s: %d)\n", "/bin/sh"],
            Elf { exports: &["strcpy", "sprintf", "system", "crypt", "memcpy"], ..Elf::default() },
        ),
        library(
            "/usr/lib/libcrypto.so.1.0.0",
            "libcrypto.so.1.0.0",
            &[
                "OpenSSL 1.0.2k  26 Jan 2017",
                "AES part of OpenSSL 1.0.2k  26 Jan 2017",
                "RSA part of OpenSSL 1.0.2k  26 Jan 2017",
                "built on: reproducible build, date unspecified",
                "platform: linux-armv4",
            ],
            Elf {
                needed: &["libc.so.1"],
                exports: &["EVP_DigestInit_ex", "RSA_new", "SSLeay_version", "MD5_Init"],
                ..Elf::default()
            },
        ),
        library(
            "/usr/lib/libssl.so.1.0.0",
            "libssl.so.1.0.0",
            &[
                "SSLv3 part of OpenSSL 1.0.2k  26 Jan 2017",
                "TLSv1 part of OpenSSL 1.0.2k  26 Jan 2017",
                "DTLSv1 part of OpenSSL 1.0.2k  26 Jan 2017",
            ],
            Elf {
                needed: &["libcrypto.so.1.0.0", "libc.so.1"],
                imports: &["EVP_DigestInit_ex"],
                exports: &["SSL_new", "SSL_read", "SSLv3_method", "TLSv1_method"],
                ..Elf::default()
            },
        ),
    ]
}

fn libraries() -> Vec<Program> {
    let with_libc = Elf { needed: &["libc.so.1"], ..Elf::default() };
    vec![
        library(
            "/usr/lib/libpcre.so.1.2.8",
            "libpcre.so.1",
            &["8.40 2017-01-11", "internal error: code overflow"],
            Elf { exports: &["pcre_compile", "pcre_exec", "pcre_version"], ..with_libc },
        ),
        library(
            "/usr/lib/libcurl.so.4.4.0",
            "libcurl.so.4",
            &["libcurl/7.53.1", "7.53.1", "CLIENT libcurl 7.53.1"],
            Elf { exports: &["curl_easy_init", "curl_version"], ..with_libc },
        ),
        library(
            "/usr/lib/libz.so.1.2.11",
            "libz.so.1",
            &[
                " deflate 1.2.11 Copyright 1995-2017 Jean-loup Gailly and Mark Adler ",
                " inflate 1.2.11 Copyright 1995-2017 Mark Adler ",
                "1.2.11",
                "incorrect header check",
            ],
            Elf {
                exports: &["deflateInit_", "inflateInit_", "inflate", "zlibVersion"],
                ..with_libc
            },
        ),
        library(
            "/usr/lib/libexpat.so.1.6.2",
            "libexpat.so.1",
            &["expat_2.2.0", "out of memory", "no element found"],
            Elf { exports: &["XML_ParserCreate", "XML_Parse", "XML_ExpatVersion"], ..with_libc },
        ),
        library(
            "/usr/lib/libsqlite3.so.0.8.6",
            "libsqlite3.so.0",
            &[
                "3.17.0",
                "2017-02-13 16:02:40 ada05cfa86ad7f5645450ac7a2a21c9aa6e57d2c",
                "SQLite format 3",
                "SQLITE_TMPDIR",
                "unable to open database file",
                "database disk image is malformed",
                "CREATE TABLE sqlite_master(\n  type text,\n  name text,\n  tbl_name text,\n  \
                 rootpage integer,\n  sql text\n)",
            ],
            Elf {
                exports: &["sqlite3_open", "sqlite3_libversion", "sqlite3_sourceid"],
                ..with_libc
            },
        ),
    ]
}

/// The maker's own programs, with what was linked into them.
fn vendor() -> Vec<Program> {
    let module_info = strings(&[
        "license=Proprietary",
        "description=VL-200 pump bus",
        "depends=",
        "name=pumpbus",
        "vermagic=4.9.11 preempt mod_unload modversions ARMv7 p2v8 ",
    ]);
    let module = Elf {
        kind: ElfKind::Relocatable,
        rodata: b"pumpbus: motor controller does not answer\n\0",
        sections: &[(".modinfo", &module_info)],
        ..Elf::default()
    };
    vec![
        program(
            "/usr/bin/pumpd",
            &[
                "VL-200 pumpd 3.2.1 (build 4711)",
                "/var/lib/pumpd/druglib.db",
                "listening on %s:%d",
                "/lib/firmware/vl200-motor.elf",
                "/usr/bin/logger -t pumpd %s",
            ],
            Elf {
                needed: &["libsqlite3.so.0", "libexpat.so.1", "libssl.so.1.0.0", "libc.so.1"],
                imports: &["sqlite3_open", "XML_Parse", "SSL_read", "strcpy", "sprintf", "system"],
                executable_stack: Some(true),
                ..Elf::default()
            },
        ),
        // Taken over from the VL-100: linked statically against the OpenSSL of that time.
        without_libc(
            "/usr/bin/pumplink",
            &[
                "pumplink 1.4 (VL-100 gateway protocol)",
                "OpenSSL 1.0.1e 11 Feb 2013",
                "SSLv3 part of OpenSSL 1.0.1e 11 Feb 2013",
                "TLSv1 part of OpenSSL 1.0.1e 11 Feb 2013",
                "DTLSv1 part of OpenSSL 1.0.1e 11 Feb 2013",
                "RSA part of OpenSSL 1.0.1e 11 Feb 2013",
                "gateway refused the key",
            ],
        ),
        // The motor controller: a Cortex-M image that pumpd loads over the bus.
        without_libc(
            "/lib/firmware/vl200-motor.elf",
            &[
                "VL-200 motor controller 2.0.4",
                "FreeRTOS V8.2.3",
                "IDLE",
                "Tmr Svc",
                "lwIP/2.1.2 (http://savannah.nongnu.org/projects/lwip)",
                "tcpip_thread",
                "stall detected",
            ],
        ),
        Program {
            path: "/lib/modules/4.9.11/extra/pumpbus.ko",
            mode: 0o644,
            bytes: module.build(),
        },
    ]
}
