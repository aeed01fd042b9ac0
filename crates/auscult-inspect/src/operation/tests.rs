//! Listeners, what is reached, and the smaller questions, on small roots.

use auscult_model::{Known, ModuleAction, ReachedBy};
use auscult_testkit::Tree;

use super::made::{answer, answers, boot, holds, lacks, library, listeners, program};

fn base() -> Tree {
    Tree::new()
        .file("bin/busybox", 0o755, program(&["listen", "bind"], &[]))
        .symlink("sbin/init", "../bin/busybox")
        .symlink("bin/sh", "busybox")
}

#[test]
fn ports_come_from_command_lines_configurations_and_defaults() {
    let tree = base()
        .symlink("usr/sbin/telnetd", "../../bin/busybox")
        .symlink("usr/sbin/httpd", "../../bin/busybox")
        .file(
            "etc/inittab",
            0o644,
            "::respawn:/usr/sbin/telnetd -F -p 2323\n::once:/usr/sbin/dropbear\n\
                ::once:/usr/sbin/vendord\n\
             ::once:/usr/sbin/snmpd -f\n::once:/usr/sbin/dnsmasq\n",
        )
        .file("usr/sbin/dropbear", 0o755, program(&[], &[]))
        .file("usr/sbin/sshd", 0o755, program(&[], &[]))
        .file(
            "etc/ssh/sshd_config",
            0o644,
            "#Port 1\nPort 22\nPort 2222\n\
            ListenAddress 127.0.0.1\n",
        )
        .file("usr/sbin/snmpd", 0o755, program(&[], &[]))
        .file("etc/snmp/snmpd.conf", 0o644, "agentAddress udp:127.0.0.1:1161,udp6:[::1]:161\n")
        .file("usr/sbin/dnsmasq", 0o755, program(&[], &[]))
        .file("etc/dnsmasq.conf", 0o644, "port=0\n")
        .file("usr/sbin/vendord", 0o755, program(&["bind", "listen"], &[]))
        .file("etc/inetd.conf", 0o644, "tftp dgram udp wait root /usr/sbin/tftpd tftpd\n");
    let seen = listeners(&answer(&tree));
    for one in [
        "telnetd Tcp ?:2323 Configured AtBoot",
        "dropbear Tcp ?:22 DefaultOfProgram AtBoot",
        "sshd Tcp 127.0.0.1:22 Configured NotSeen",
        "sshd Tcp 127.0.0.1:2222 Configured NotSeen",
        "snmpd Udp 127.0.0.1:1161 Configured AtBoot",
        "snmpd Udp ::1:161 Configured AtBoot",
        "dnsmasq Udp ?:67 DefaultOfProgram AtBoot",
        "vendord Tcp ?:? MayListen AtBoot",
        "tftpd Udp ?:69 Configured NotSeen",
    ] {
        holds(&seen, one);
    }
    // An applet that nothing starts listens nowhere, and a port of zero is none.
    lacks(&seen, "httpd Tcp");
    lacks(&seen, ":53 ");
    lacks(&seen, "busybox");
}

#[test]
fn what_hangs_on_a_condition_may_listen_and_what_is_handed_over_stands_once() {
    let script = "procd_set_param command /usr/sbin/ntpd -n\n\
        [ $x -eq 0 ] || procd_append_param command -l\n";
    let tree = base()
        .symlink("usr/sbin/ntpd", "../../bin/busybox")
        .file("etc/inittab", 0o644, "::sysinit:/etc/init.d/ntp\n::once:/usr/sbin/redis-server\n")
        .file("etc/init.d/ntp", 0o755, format!("#!/bin/sh\n{script}"))
        .file("usr/sbin/redis-server", 0o755, program(&[], &[]))
        .file("etc/redis.conf", 0o644, "bind 127.0.0.1 -::1\nport 6379\n");
    let seen = listeners(&answer(&tree));
    holds(&seen, "ntpd Udp ?:123 MayListen AtBoot");
    holds(&seen, "redis-server Tcp ::1:6379 Configured AtBoot");
    let without = base().symlink("usr/sbin/ntpd", "../../bin/busybox").file(
        "etc/inittab",
        0o644,
        "::once:/usr/sbin/ntpd -p pool.ntp.org\n",
    );
    lacks(&listeners(&answer(&without)), "ntpd");

    let unit = "usr/lib/systemd/system";
    let handed = Tree::new()
        .file("usr/lib/systemd/systemd", 0o755, program(&[], &[]))
        .symlink("sbin/init", "/usr/lib/systemd/systemd")
        .file(format!("{unit}/multi-user.target"), 0o644, "[Unit]\nWants=rpcbind.socket\n")
        .file(format!("{unit}/rpcbind.socket"), 0o644, "[Socket]\nListenStream=0.0.0.0:111\n")
        .file(format!("{unit}/rpcbind.service"), 0o644, "[Service]\nExecStart=/sbin/rpcbind -w\n")
        .file("sbin/rpcbind", 0o755, program(&["bind", "listen"], &[]));
    assert_eq!(listeners(&answer(&handed)), ["rpcbind Tcp 0.0.0.0:111 Configured AtBoot"]);
}

#[test]
fn what_runs_is_proved_by_a_chain() {
    let tree = base()
        .file("etc/inittab", 0o644, "::sysinit:/etc/start\n")
        .file("etc/start", 0o755, "#!/bin/sh\n/usr/bin/first &\n")
        .file("usr/bin/first", 0o755, program(&["dlopen", "bind", "listen"], &["libone.so"]))
        .file("usr/bin/idle", 0o755, program(&[], &["libone.so"]))
        .file("lib/ld.so.1", 0o755, library(&[], &[]))
        .file("usr/lib/libone.so.1", 0o755, library(&[], &["libtwo.so"]))
        .symlink("usr/lib/libone.so", "libone.so.1")
        .file("usr/lib/libtwo.so", 0o755, library(&[], &[]))
        .file("usr/lib/plugins/plug.so", 0o755, library(&[], &[]));
    let answer = answer(&tree);
    let reached = answer.reached.known().unwrap();
    let chain = |path: &str, by: ReachedBy| {
        let place = format!("image@0x0/cpio:{path}");
        let one = reached.iter().find(|one| one.program.to_string() == place && one.by == by);
        one.map(|one| one.chain.join(" > ")).unwrap_or_default()
    };
    assert_eq!(
        chain("/usr/lib/libtwo.so", ReachedBy::Boot),
        "script:sysinit > /usr/bin/first > /usr/lib/libone.so.1 > /usr/lib/libtwo.so"
    );
    assert_eq!(
        chain("/usr/lib/libtwo.so", ReachedBy::Network),
        "network:tcp/? > /usr/bin/first > /usr/lib/libone.so.1 > /usr/lib/libtwo.so"
    );
    assert_eq!(
        chain("/usr/lib/plugins/plug.so", ReachedBy::MayBeLoaded),
        "script:sysinit > /usr/bin/first > /usr/lib/plugins/plug.so"
    );
    assert!(reached.iter().all(|one| !one.program.to_string().ends_with("/idle")));
}

#[test]
fn smaller_questions_are_answered() {
    let tree = base()
        .file("etc/inittab", 0o644, "::sysinit:/bin/true\n")
        .file("bin/su", 0o4755, program(&[], &[]))
        .file("etc/modules", 0o644, "# x\nfoo-bar\n")
        .file(
            "etc/modprobe.d/x.conf",
            0o644,
            "blacklist uas\ninstall usb-storage /bin/false\noptions a b\n",
        )
        .file(
            "lib/modules/6.1.0/modules.builtin",
            0o644,
            "kernel/fs/ext4/ext4.ko\nkernel/crypto/crc-t10dif.ko\n",
        )
        .file("lib/modules/6.1.0/modules.alias", 0o644, "")
        .file("etc/config/firewall", 0o644, "config defaults\n\toption input 'REJECT'\n")
        .file(
            "etc/udev/rules.d/automount.rules",
            0o644,
            "SUBSYSTEM==\"block\", ACTION==\"add\" RUN+=\"/etc/mount.sh\"\n",
        )
        .file("sbin/sysupgrade", 0o755, "#!/bin/sh\n")
        .file("usr/bin/fw_do_upgrade", 0o755, "#!/bin/sh\n");
    let answer = answer(&tree);
    let setuid = answer.setuid.known().unwrap();
    assert_eq!((setuid.len(), setuid[0].setuid, setuid[0].setgid), (1, true, false));
    let modules = answer.modules.known().unwrap();
    let loads = modules.loads.known().unwrap();
    let told = |name: &str| loads.iter().find(|one| one.name == name).map(|one| one.action);
    assert_eq!(told("foo_bar"), Some(ModuleAction::Load));
    assert_eq!(told("uas"), Some(ModuleAction::Blacklist));
    assert_eq!(told("usb_storage"), Some(ModuleAction::Refuse));
    let release = &modules.releases[0];
    assert_eq!(release.builtin, Known::Known(vec!["ext4".to_owned(), "crc_t10dif".to_owned()]));
    assert_eq!(release.autoload, Known::Known(true));
    assert_eq!(answer.firewall.known().unwrap()[0].input_policy, Known::Known("reject".to_owned()));
    let media = answer.removable_media.known().unwrap();
    assert!(media.iter().any(|one| one.kind == "udev" && one.action == "/etc/mount.sh"));
    let update: Vec<&str> =
        answer.update.known().unwrap().iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(update, ["sysupgrade", "script"]);
}

#[test]
fn the_table_that_filters_has_the_policy() {
    let rules = "*nat\n:INPUT ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT DROP [0:0]\nCOMMIT\n";
    let tree = base().file("etc/inittab", 0o644, "::sysinit:/bin/true\n").file(
        "etc/iptables/rules.v4",
        0o644,
        rules,
    );
    let answer = answer(&tree);
    assert_eq!(answer.firewall.known().unwrap()[0].input_policy, Known::Known("drop".to_owned()));
}

/// Names that begin as those of shells and boxes do are programs all the same.
#[test]
fn only_boxes_stand_behind_many_names() {
    let server = || program(&["listen", "bind", "socket"], &[]);
    let tree = base()
        .file("etc/inittab", 0o644, "::respawn:/usr/bin/dashboard\n::respawn:/bin/bash5\n")
        .file("usr/bin/dashboard", 0o755, server())
        .file("bin/bash5", 0o755, server());
    let seen = listeners(&answer(&tree));
    assert!(seen.iter().any(|one| one.starts_with("dashboard ")), "{seen:#?}");
    lacks(&seen, "bash5");
}

#[test]
fn programs_in_folders_of_a_root_tell_no_root_of_their_own() {
    let tree = base().file("bin/init", 0o755, "x").file("etc/init", 0o755, "x");
    assert_eq!(answers(&tree).0.len(), 1);
}

/// What several readers ask for is read once, listings do not walk what lies deeper, and patterns
/// come to an end.
#[test]
fn files_are_read_once_and_folders_listed_without_what_lies_below() {
    let tree = base()
        .file("etc/a", 0o644, vec![b'x'; 700])
        .file("etc/a-b", 0o644, "")
        .file("etc/a.d/deep/er", 0o644, "")
        .file("etc/z", 0o644, "");
    super::made::made(&tree, |files| {
        assert_eq!(files.text("/etc/a").unwrap().bytes.len(), 700);
        let left = files.rest_of(1 << 20);
        assert_eq!(files.text("/etc/a").unwrap().bytes.len(), 700);
        assert_eq!(files.rest_of(1 << 20), left);
        let names: Vec<String> = files.folder("/etc").into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["a", "a-b", "a.d", "z"]);
        assert_eq!(files.folders("/etc"), ["a.d"]);
        assert_eq!(files.matching("/etc/a*"), ["/etc/a", "/etc/a-b", "/etc/a.d"]);
        for number in 0..10_000 {
            files.matching(&format!("/etc/{number}*"));
        }
        assert_eq!(files.matching("/etc/a*").len(), 3);
        assert_eq!(files.matching("/etc/z*").len(), 0, "too many patterns were asked for");
    });
}

#[test]
fn each_root_has_its_own_answer() {
    let slot = |tree: Tree, name: &str, table: &str| {
        tree.file(format!("{name}/sbin/init"), 0o755, program(&[], &[])).file(
            format!("{name}/etc/inittab"),
            0o644,
            table,
        )
    };
    let tree = slot(Tree::new(), "slot_a", "::sysinit:/one\n");
    let tree = slot(tree, "slot_b", "::sysinit:/two\n");
    let tree = tree.file("usr/share/doc/busybox/etc/inittab", 0o644, "");
    let (roots, _) = answers(&tree);
    let places: Vec<String> = roots.iter().map(|root| root.root.to_string()).collect();
    assert_eq!(places, ["image@0x0/cpio:/slot_a", "image@0x0/cpio:/slot_b"]);
    holds(&boot(&roots[0]), "boot sysinit: /one (sysinit)");
    holds(&boot(&roots[1]), "boot sysinit: /two (sysinit)");
}

#[test]
fn without_an_init_nothing_is_claimed() {
    let (roots, _) = answers(&Tree::new().file("etc/shadow", 0o600, "root::0:0\n"));
    let root = &roots[0];
    assert!(root.boot.known().is_none() && root.reached.known().is_none());
    assert!(root.listeners.known().is_none() && root.removable_media.known().is_none());
    assert!(root.accounts.known().is_some());
}
