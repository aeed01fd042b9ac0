//! Every kind of init, on small roots.

use auscult_model::BootSource;
use auscult_testkit::Tree;

use crate::operation::made::{answer, answers, boot, holds, lacks, program};

#[test]
fn busybox_runs_its_table_and_the_scripts_of_rcs() {
    let tree = Tree::new()
        .file("bin/busybox", 0o755, program(&["listen"], &[]))
        .symlink("sbin/init", "../bin/busybox")
        .symlink("sbin/getty", "../bin/busybox")
        .symlink("bin/sh", "busybox")
        .file(
            "etc/inittab",
            0o644,
            "# ::sysinit:/no\n::sysinit:/etc/init.d/rcS\n\
                ttyS0::respawn:/sbin/getty -L ttyS0 115200\n\
             ::ctrlaltdel:/sbin/reboot\n::askfirst:-/bin/sh\nbad\n",
        )
        .file(
            "etc/init.d/rcS",
            0o755,
            "#!/bin/sh\nfor i in /etc/init.d/S??* ;do\n  case \"$i\" in\n *.sh) . $i ;;\n \
             *) $i start ;;\n esac\ndone\n/usr/bin/vendord -p 9000 &\n",
        )
        .file(
            "etc/init.d/S50pump",
            0o755,
            "#!/bin/sh\nDAEMON=/usr/sbin/pump\n\
                start() { start-stop-daemon -S -q -b -x $DAEMON -- -v; }\n",
        )
        .file("etc/init.d/off", 0o755, "#!/bin/sh\n")
        .file("usr/sbin/pump", 0o755, program(&["listen", "bind"], &[]))
        .file("usr/bin/vendord", 0o755, program(&[], &[]));
    let answer = answer(&tree);
    let seen = boot(&answer);
    for entry in [
        "boot init: /sbin/init (kernel)",
        "boot sysinit: /etc/init.d/rcS (sysinit)",
        "boot ttyS0: /sbin/getty -L ttyS0 115200 (respawn)",
        "demand ctrlaltdel: /sbin/reboot (ctrlaltdel)",
        "boot askfirst: /bin/sh (askfirst)",
        "boot pump: /etc/init.d/S50pump start (/etc/init.d/rcS)",
        "boot pump: /usr/sbin/pump -v (/etc/init.d/S50pump)",
        "boot sysinit: /usr/bin/vendord -p 9000 (/etc/init.d/rcS)",
        "disabled off: /etc/init.d/off (no link in the default runlevel)",
    ] {
        holds(&seen, entry);
    }
    lacks(&seen, "/no");
    let pump = answer.boot.known().unwrap().iter().find(|one| one.command == "/usr/sbin/pump");
    let pump = pump.unwrap();
    assert_eq!(pump.program.as_ref().unwrap().to_string(), "image@0x0/cpio:/usr/sbin/pump");
    assert_eq!(pump.configuration.to_string(), "image@0x0/cpio:/etc/init.d/S50pump@0x20");
}

#[test]
fn the_command_line_of_the_kernel_names_the_first_process() {
    let tree = Tree::new()
        .file("etc/passwd", 0o644, "root::0:0::/:\n")
        .file("boot/extlinux/extlinux.conf", 0o644, "LABEL a\n APPEND quiet init=/opt/start\n")
        .file("opt/start", 0o755, "#!/bin/sh\nexec /opt/pumpd --all\n")
        .file("opt/pumpd", 0o755, program(&["listen"], &[]));
    let seen = boot(&answer(&tree));
    holds(&seen, "boot init: /opt/start (kernel command line)");
    holds(&seen, "boot init: /opt/pumpd --all (/opt/start)");
}

#[test]
fn system_v_runs_the_links_of_the_default_runlevel() {
    let script = "#!/bin/sh\n[ -x /usr/sbin/a ] || exit 0\nstart_daemon -p /x /usr/sbin/a --go\n";
    let tree = Tree::new()
        .file("sbin/init.sysvinit", 0o755, program(&[], &[]))
        .symlink("sbin/init", "/sbin/init.sysvinit")
        .file(
            "etc/inittab",
            0o644,
            "id:5:initdefault:\nS0:12345:respawn:/bin/start_getty\nl3:3:wait:/x\n",
        )
        .file("etc/init.d/a", 0o755, script)
        .file("etc/init.d/b", 0o755, "#!/bin/sh\n")
        .file("etc/init.d/mountall.sh", 0o755, "#!/bin/sh\n")
        .symlink("etc/rcS.d/S03mountall.sh", "../init.d/mountall.sh")
        .symlink("etc/rc5.d/S20a", "../init.d/a")
        .symlink("etc/rc5.d/K20b", "../init.d/b")
        .symlink("etc/rc3.d/S20b", "../init.d/b")
        .file("usr/sbin/a", 0o755, program(&[], &[]));
    let seen = boot(&answer(&tree));
    for entry in [
        "boot S0: /bin/start_getty (respawn 12345)",
        "demand l3: /x (wait 3)",
        "boot mountall.sh: /etc/rcS.d/S03mountall.sh start (runlevel S)",
        "boot a: /etc/rc5.d/S20a start (runlevel 5)",
        "disabled b: /etc/init.d/b (no link in the default runlevel)",
    ] {
        holds(&seen, entry);
    }
}

#[test]
fn procd_runs_the_services_of_its_scripts() {
    let tree = Tree::new()
        .file("sbin/init", 0o755, program(&[], &[]))
        .file("sbin/procd", 0o755, program(&[], &[]))
        .file("etc/preinit", 0o755, "#!/bin/sh\nexec /sbin/init\n")
        .file("etc/rc.common", 0o755, "#!/bin/sh\n. $IPKG_INSTROOT/lib/functions.sh\n")
        .file("lib/functions.sh", 0o644, "insmod foo\n")
        .file(
            "etc/init.d/dropbear",
            0o755,
            "#!/bin/sh /etc/rc.common\nSTART=50\nPROG=/usr/sbin/dropbear\nstart_service() {\n\
             procd_open_instance\n  procd_set_param command \"$PROG\" -F -P /run/x\n\
             procd_append_param command -p 22\n}\n",
        )
        .file(
            "etc/init.d/telnet",
            0o755,
            "#!/bin/sh /etc/rc.common\nservice_start /usr/sbin/telnetd -l /bin/login\n",
        )
        .symlink("etc/rc.d/S50dropbear", "../init.d/dropbear")
        .symlink("etc/rc.d/K50telnet", "../init.d/telnet")
        .file("usr/sbin/dropbear", 0o755, program(&[], &[]))
        .file("usr/sbin/telnetd", 0o755, program(&[], &[]))
        .file("etc/hotplug.d/usb/10-x", 0o644, "logger x\n");
    let answer = answer(&tree);
    let seen = boot(&answer);
    for entry in [
        "boot init: /etc/preinit (kernel)",
        "boot dropbear: /etc/rc.d/S50dropbear boot (S50)",
        "boot dropbear: /usr/sbin/dropbear -F -P /run/x -p 22 (/etc/init.d/dropbear)",
        "disabled telnet: /etc/init.d/telnet (no link in /etc/rc.d)",
        "demand 10-x: /etc/hotplug.d/usb/10-x (hotplug usb)",
    ] {
        holds(&seen, entry);
    }
    lacks(&seen, "telnetd");
    let modules = answer.modules.known().unwrap().loads.known().unwrap();
    assert_eq!(modules.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["foo"]);
}

fn systemd() -> Tree {
    let unit = "usr/lib/systemd/system";
    let service = |body: &str| {
        format!(
            "[Unit]\nDescription=x\n[Service]\n{body}\n[Install]\n\
            WantedBy=multi-user.target\n"
        )
    };
    Tree::new()
        .file("usr/lib/systemd/systemd", 0o755, program(&[], &[]))
        .symlink("sbin/init", "../lib/systemd/systemd")
        .symlink("lib", "usr/lib")
        .symlink("etc/systemd/system/default.target", "/lib/systemd/system/multi-user.target")
        .file(format!("{unit}/multi-user.target"), 0o644, "[Unit]\nRequires=basic.target\n")
        .file(
            format!("{unit}/basic.target"),
            0o644,
            "[Unit]\n\
            Wants=sockets.target timers.target\n",
        )
        .file(format!("{unit}/sockets.target"), 0o644, "[Unit]\n")
        .file(format!("{unit}/timers.target"), 0o644, "[Unit]\nWants=tidy.timer\n")
        .file(format!("{unit}/tidy.timer"), 0o644, "[Timer]\nOnCalendar=daily\n")
        .file(format!("{unit}/tidy.service"), 0o644, "[Service]\nExecStart=/usr/bin/tidy\n")
        .file(format!("{unit}/pump.service"), 0o644, service("ExecStart=/usr/bin/old"))
        .symlink(
            "etc/systemd/system/multi-user.target.wants/pump.service",
            "/lib/systemd/system/pump.service",
        )
        .file(
            "etc/systemd/system/pump.service.d/10-x.conf",
            0o644,
            "[Service]\nExecStart=\nEnvironmentFile=-/etc/default/pump\n\
                ExecStart=-/usr/bin/pump $ARGS \\\n  --name=%p\nUser=pump\n",
        )
        .file("etc/default/pump", 0o644, "ARGS=\"-p 8080\"\n")
        .file(format!("{unit}/getty@.service"), 0o644, service("ExecStart=-/sbin/agetty %I"))
        .symlink(
            "etc/systemd/system/multi-user.target.wants/getty@tty1.service",
            "/lib/systemd/system/getty@.service",
        )
        .file(
            format!("{unit}/ssh.socket"),
            0o644,
            "[Socket]\nListenStream=0.0.0.0:22\n\
            ListenStream=/run/x\nAccept=yes\n",
        )
        .file(format!("{unit}/ssh@.service"), 0o644, "[Service]\nExecStart=-/usr/sbin/sshd -i\n")
        .symlink(
            "etc/systemd/system/sockets.target.wants/ssh.socket",
            "/lib/systemd/system/ssh.socket",
        )
        .file(format!("{unit}/debug.service"), 0o644, service("ExecStart=/usr/bin/debugd"))
        .file(format!("{unit}/bad.service"), 0o644, service("ExecStart=/usr/bin/bad"))
        .symlink("etc/systemd/system/bad.service", "/dev/null")
        .symlink(
            "etc/systemd/system/multi-user.target.wants/bad.service",
            "/lib/systemd/system/bad.service",
        )
        .file("usr/bin/pump", 0o755, program(&[], &[]))
        .file("usr/sbin/sshd", 0o755, program(&[], &[]))
}

#[test]
fn systemd_pulls_units_and_starts_others_on_demand() {
    let answer = answer(&systemd());
    let seen = boot(&answer);
    for entry in [
        "boot pump.service: /usr/bin/pump -p 8080 --name=pump (multi-user.target)",
        "boot getty@tty1.service: /sbin/agetty tty1 (multi-user.target)",
        "demand ssh@.service: /usr/sbin/sshd -i (ssh.socket)",
        "demand tidy.service: /usr/bin/tidy (tidy.timer)",
        "disabled debug.service: /usr/bin/debugd (not enabled)",
        "disabled bad.service:  (masked)",
    ] {
        holds(&seen, entry);
    }
    lacks(&seen, "/usr/bin/old");
    let pump = answer.boot.known().unwrap().iter().find(|one| one.command == "/usr/bin/pump");
    assert_eq!(pump.unwrap().user.as_deref(), Some("pump"));
    assert!(pump.unwrap().program.is_some());
}

#[test]
fn openrc_android_runit_and_s6_have_services() {
    let openrc = Tree::new()
        .file("bin/busybox", 0o755, program(&[], &[]))
        .symlink("sbin/init", "/bin/busybox")
        .file("etc/inittab", 0o644, "::sysinit:/sbin/openrc sysinit\n")
        .file(
            "etc/init.d/pump",
            0o755,
            "#!/sbin/openrc-run\ncommand=\"/usr/sbin/$RC_SVCNAME\"\n\
                command_args=\"${OPTS:--x}\"\n",
        )
        .file("etc/conf.d/pump", 0o644, "OPTS=\"-p 1\"\n")
        .file("etc/init.d/other", 0o755, "#!/sbin/openrc-run\n")
        .symlink("etc/runlevels/default/pump", "/etc/init.d/pump");
    let seen = boot(&answer(&openrc));
    holds(&seen, "boot pump: /usr/sbin/pump -p 1 (default)");
    holds(&seen, "disabled other: /etc/init.d/other (in no runlevel)");

    let android = Tree::new().file("init", 0o755, program(&[], &[])).file(
        "init.rc",
        0o644,
        "import /x\non boot\n    exec - root -- /system/bin/early -a\n\
            service adbd /system/bin/adbd \
         --root\n    class core\n    user shell\n    disabled\n\
             service pump /system/bin/pump\n    class main\n",
    );
    let seen = boot(&answer(&android));
    holds(&seen, "boot exec: /system/bin/early -a (boot)");
    holds(&seen, "demand adbd: /system/bin/adbd --root (class core)");
    holds(&seen, "boot pump: /system/bin/pump (class main)");

    let runit = Tree::new()
        .file("sbin/runit-init", 0o755, program(&[], &[]))
        .symlink("sbin/init", "runit-init")
        .file("etc/runit/2", 0o755, "#!/bin/sh\n")
        .file("etc/sv/pump/run", 0o755, "#!/bin/sh\nexec chpst -u pump /usr/bin/pump -f\n")
        .symlink("etc/runit/runsvdir/default/pump", "/etc/sv/pump")
        .file("usr/bin/pump", 0o755, program(&["daemon"], &[]));
    let seen = boot(&answer(&runit));
    holds(&seen, "boot pump: /etc/runit/runsvdir/default/pump/run (/etc/runit/runsvdir/default)");
}

#[test]
fn jobs_events_and_inetd_are_on_demand() {
    let base = Tree::new()
        .file("bin/busybox", 0o755, program(&[], &[]))
        .symlink("sbin/init", "/bin/busybox")
        .file("etc/crontabs/root", 0o644, "*/5 * * * * /usr/bin/check -q\n")
        .file("etc/inetd.conf", 0o644, "ftp stream tcp nowait root.x /usr/sbin/ftpd ftpd -l\n#x\n")
        .file("etc/udev/rules.d/a.rules", 0o644, "SUBSYSTEM==\"block\", RUN+=\"/bin/auto %k\"\n")
        .file("etc/mdev.conf", 0o644, "sd[a-z] 0:0 660 @/bin/auto\n");
    let without = base.clone().file("etc/inittab", 0o644, "::sysinit:/bin/true\n");
    let seen = boot(&answer(&without));
    holds(&seen, "disabled root: /usr/bin/check -q (*/5 * * * *)");
    holds(&seen, "disabled ftp: /usr/sbin/ftpd -l (connection to ftp)");
    holds(&seen, "demand a.rules: /bin/auto %k (SUBSYSTEM==block)");
    holds(&seen, "demand mdev.conf: /bin/auto (sd[a-z])");
    let with =
        base.file("etc/inittab", 0o644, "::respawn:/usr/sbin/crond -f\n::once:/usr/sbin/inetd\n");
    let seen = boot(&answer(&with));
    holds(&seen, "demand root: /usr/bin/check -q (*/5 * * * *)");
    holds(&seen, "demand ftp: /usr/sbin/ftpd -l (connection to ftp)");
}

#[test]
fn of_two_programs_of_an_xinetd_service_the_last_counts() {
    let service = "service x\n{\n server = /bin/a\n server_args = -v\n server = /bin/b\n}\n";
    let tree = Tree::new()
        .file("sbin/init", 0o755, program(&[], &[]))
        .file("etc/inittab", 0o644, "::once:/usr/sbin/xinetd\n")
        .file("etc/xinetd.d/x", 0o644, service);
    holds(&boot(&answer(&tree)), "demand x: /bin/b -v (connection to x)");
}

#[test]
fn systemd_takes_scripts_without_a_unit_and_no_foreign_services() {
    let tree = systemd()
        .file("etc/init.d/tftpd", 0o755, "#!/bin/sh\n")
        .file("etc/init.d/pump", 0o755, "#!/bin/sh\n")
        .file("etc/init.d/clock.sh", 0o755, "#!/bin/sh\n")
        .symlink("usr/lib/systemd/system/clock.service", "/dev/null")
        .symlink("etc/rc2.d/S01tftpd", "../init.d/tftpd")
        .symlink("etc/rc2.d/S01pump", "../init.d/pump")
        .symlink("etc/rc2.d/S01clock.sh", "../init.d/clock.sh")
        .symlink("etc/rcS.d/S01early", "../init.d/tftpd")
        .file("etc/runit/runsvdir/default/ssh/run", 0o755, "#!/bin/sh\nexec sshd\n");
    let seen = boot(&answer(&tree));
    holds(&seen, "boot tftpd: /etc/rc2.d/S01tftpd start (runlevel 2)");
    holds(&seen, "disabled ssh: /etc/runit/runsvdir/default/ssh/run (/etc/runit/runsvdir/default)");
    lacks(&seen, "S01pump");
    lacks(&seen, "S01clock.sh");
    lacks(&seen, "S01early");
}

#[test]
fn hostile_roots_are_answered() {
    let loops = Tree::new()
        .symlink("sbin/init", "/sbin/init2")
        .symlink("sbin/init2", "/sbin/init")
        .symlink("etc/rc.d", "rc.d")
        .symlink("etc/escape", "../../../../../../etc/passwd")
        .file("etc/inittab", 0o644, b"::sysinit:/etc/escape\n::sysinit:/a\0b\n\0\xff:::\n:::\n")
        .file("etc/init.d/rcS", 0o755, "#!/bin/sh\n. /etc/init.d/rcS\n/etc/init.d/rcS\n")
        .file("etc/passwd", 0o644, "root::0:0::/:\n");
    let first = answer(&loops);
    assert!(first.boot.known().is_some());
    let huge = Tree::new().file("etc/inittab", 0o644, vec![b'a'; (1 << 20) + 1]).file(
        "sbin/init",
        0o755,
        program(&[], &[]),
    );
    let (roots, problems) = answers(&huge);
    assert_eq!((roots.len(), problems), (1, 1));
    let units = Tree::new()
        .file("usr/lib/systemd/systemd", 0o755, program(&[], &[]))
        .symlink("sbin/init", "/usr/lib/systemd/systemd")
        .symlink("etc/systemd/system/default.target", "a.target")
        .symlink("etc/systemd/system/a.target", "b.target")
        .symlink("etc/systemd/system/b.target", "a.target")
        .file(
            "etc/systemd/system/multi-user.target",
            0o644,
            "[Unit]\nWants=multi-user.target x@.service\n[\n=\n",
        )
        .file(
            "etc/systemd/system/x@.service",
            0o644,
            "[Service]\nExecStart=\nExecStart=@\nExecStart=-$X ${Y\n",
        );
    assert!(answer(&units).boot.known().is_some());
    let none = Tree::new().file("readme", 0o644, "x");
    assert_eq!(answers(&none).0.len(), 0);
    let entries = first.boot.known().unwrap();
    assert!(entries.iter().any(|entry| entry.source == BootSource::Inittab));
}

#[test]
fn upstart_starts_jobs_on_events_of_the_boot_and_on_jobs_that_do() {
    let job = |text: &'static str| text;
    let tree = Tree::new()
        .file("sbin/init", 0o755, program(&[], &[]))
        .file("bin/sh", 0o755, program(&[], &[]))
        .file(
            "etc/init/pump.conf",
            0o644,
            job("# a pump\nstart on (filesystem\n  and net-device-up IFACE!=lo)\nstop on (runlevel [06]\n  \
                 or stopping startup)\nsetuid pump\nenv ARGS=\"-v\"\nrespawn\nexpect fork\n\
                 pre-start script\n  /usr/bin/prepare\nend script\n\
                 exec /usr/sbin/pump $ARGS --go\npost-stop script\n /usr/bin/never\nend script\n"),
        )
        .file(
            "etc/init/after.conf",
            0o644,
            "start on started pump\nscript\n  cd /\n  exec /usr/sbin/after -d\nend script\n",
        )
        .file("etc/init/plug.conf", 0o644, "start on tty-device-added KERNEL=ttyUSB*\nexec /usr/sbin/plug\n")
        .file("etc/init/asked.conf", 0o644, "exec /usr/sbin/plug --asked\n")
        .file("etc/init/off.conf", 0o644, "start on runlevel [2345]\nexec /usr/sbin/plug --off\n")
        .file("etc/init/off.override", 0o644, "manual\n")
        .file("etc/init/lone.override", 0o644, "exec /usr/sbin/plug --lone\n")
        .file("etc/init/rc.conf", 0o644, "start on runlevel [!6]\nexec /etc/init.d/rc $RUNLEVEL\n")
        .file("etc/init.d/rc", 0o755, "#!/bin/sh\n")
        .file("etc/init.d/old", 0o755, "#!/bin/sh\n")
        .symlink("etc/rc2.d/S20old", "../init.d/old")
        .file("usr/sbin/pump", 0o755, program(&[], &[]))
        .file("usr/sbin/after", 0o755, program(&[], &[]))
        .file("usr/bin/prepare", 0o755, program(&[], &[]))
        .file("usr/sbin/plug", 0o755, program(&[], &[]));
    let answer = answer(&tree);
    let seen = boot(&answer);
    for entry in [
        "boot pump: /usr/sbin/pump -v --go (filesystem and net-device-up IFACE!=lo)",
        "boot pump: /usr/bin/prepare (filesystem and net-device-up IFACE!=lo)",
        "boot after: /usr/sbin/after -d (started pump)",
        "demand plug: /usr/sbin/plug (tty-device-added KERNEL=ttyUSB*)",
        "demand asked: /usr/sbin/plug --asked (no start on)",
        "disabled off: /usr/sbin/plug --off (manual)",
        "boot old: /etc/rc2.d/S20old start (runlevel 2)",
    ] {
        holds(&seen, entry);
    }
    lacks(&seen, "--lone");
    lacks(&seen, "never");
    let entries = answer.boot.known().unwrap();
    let pump = entries.iter().find(|one| one.command == "/usr/sbin/pump").unwrap();
    assert_eq!((pump.source, pump.user.as_deref()), (BootSource::Upstart, Some("pump")));
}

#[test]
fn what_generators_of_systemd_make_is_derived() {
    let tree = Tree::new()
        .file("usr/lib/systemd/systemd", 0o755, program(&[], &[]))
        .symlink("sbin/init", "/usr/lib/systemd/systemd")
        .file(
            "boot/cmdline.txt",
            0o644,
            "console=tty1 console=ttyAMA0,115200 console=ttyAMA0 root=x\n",
        )
        .file(
            "usr/lib/systemd/system/serial-getty@.service",
            0o644,
            "[Service]\nExecStart=-/sbin/agetty %I 115200\n[Install]\nWantedBy=getty.target\n",
        )
        .file(
            "usr/lib/systemd/system/rc-local.service",
            0o644,
            "[Service]\nExecStart=/etc/rc.local start\n",
        )
        .file("etc/rc.local", 0o755, "#!/bin/sh\n/usr/bin/pump &\n")
        .file(
            "etc/crypttab",
            0o644,
            "# none\ndata /dev/sda2 /key luks\nlate /dev/sdb none noauto\n",
        )
        .file(
            "etc/fstab",
            0o644,
            "host:/a /srv nfs ro 0 0\n/dev/sda1 / ext4 defaults 0 1\nb /b nfs noauto 0 0\nc\n",
        )
        .file("sbin/mount.nfs", 0o755, program(&[], &[]))
        .file("sbin/fsck.ext4", 0o755, program(&[], &[]))
        .file("usr/bin/pump", 0o755, program(&["listen"], &[]))
        .file("sbin/agetty", 0o755, program(&[], &[]));
    let seen = boot(&answer(&tree));
    for entry in [
        "boot serial-getty@ttyAMA0.service: /sbin/agetty ttyAMA0 115200 (getty generator: console=ttyAMA0)",
        "boot rc-local.service: /etc/rc.local start (rc-local generator)",
        "boot systemd-cryptsetup@data.service: /usr/lib/systemd/systemd-cryptsetup attach data /dev/sda2 (cryptsetup generator)",
        "demand systemd-cryptsetup@late.service: /usr/lib/systemd/systemd-cryptsetup attach late /dev/sdb (cryptsetup generator)",
        "boot /srv: /sbin/mount.nfs host:/a /srv (fstab)",
        "boot /: /sbin/fsck.ext4 /dev/sda1 / (fstab)",
        "demand /b: /sbin/mount.nfs b /b (fstab)",
        "boot rc-local.service: /usr/bin/pump (/etc/rc.local)",
    ] {
        holds(&seen, entry);
    }
    lacks(&seen, "tty1");
}

#[test]
fn a_service_of_d_bus_is_there_where_its_unit_has_no_systemd() {
    let service = "[D-BUS Service]\nName=org.pump\nExec=/usr/bin/pumpd --bus\nUser=pump\n\
                   SystemdService=pumpd.service\n";
    let tree = Tree::new()
        .file("etc/inittab", 0o644, "id:5:initdefault:\n")
        .file("sbin/init", 0o755, program(&[], &[]))
        .file("usr/share/dbus-1/system-services/org.pump.service", 0o644, service)
        .file("usr/bin/pumpd", 0o755, program(&[], &[]));
    holds(&boot(&answer(&tree)), "demand org.pump: /usr/bin/pumpd --bus (call over D-Bus)");
    let tree = Tree::new()
        .file("usr/lib/systemd/systemd", 0o755, program(&[], &[]))
        .symlink("sbin/init", "/usr/lib/systemd/systemd")
        .file("usr/share/dbus-1/system-services/org.pump.service", 0o644, service)
        .file(
            "usr/lib/systemd/system/pumpd.service",
            0o644,
            "[Service]\nExecStart=/usr/bin/pumpd -u\n",
        )
        .file("usr/bin/pumpd", 0o755, program(&[], &[]));
    let seen = boot(&answer(&tree));
    holds(&seen, "demand pumpd.service: /usr/bin/pumpd -u (D-Bus)");
    lacks(&seen, "--bus");
}

#[test]
fn the_account_of_a_wrapper_is_told_and_is_no_program() {
    let tree = Tree::new()
        .file("etc/inittab", 0o644, "::sysinit:/etc/init.d/rcS\n")
        .file("sbin/init", 0o755, program(&[], &[]))
        .file(
            "etc/init.d/rcS",
            0o755,
            "#!/bin/sh\ns6-setuidgid pump /usr/bin/a &\nchpst -u pump /usr/bin/b &\n\
             sudo -u pump /usr/bin/c &\nsu -c '/usr/bin/d -v &' pump\n\
             start-stop-daemon -S -b -c pump -x /usr/bin/e -- -w\n",
        )
        .file("usr/bin/pump", 0o755, program(&["listen"], &[]));
    let tree = ["a", "b", "c", "d", "e"].iter().fold(tree, |tree, name| {
        tree.file(format!("usr/bin/{name}"), 0o755, program(&["listen"], &[]))
    });
    let answer = answer(&tree);
    let entries = answer.boot.known().unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        let path = format!("/usr/bin/{name}");
        let entry = entries.iter().find(|one| one.command == path).unwrap();
        assert_eq!(entry.user.as_deref(), Some("pump"), "{entry:?}");
    }
    assert!(!entries.iter().any(|one| one.command.ends_with("pump")), "{entries:#?}");
}
