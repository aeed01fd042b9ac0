//! An installation of Windows, made small.

use auscult_model::{BootEntry, BootSource, Known};
use auscult_testkit::{
    Tree,
    hive::{Data, Key},
};

use crate::operation::made::{answers, boot, holds};

fn service(name: &str, kind: u32, start: u32, path: &str) -> Key {
    let key = Key::new(name).value("Type", Data::Number(kind)).value("Start", Data::Number(start));
    if path.is_empty() { key } else { key.value("ImagePath", Data::Text(path.into())) }
}

fn system() -> Key {
    let pump = service("Pump", 0x10, 2, "C:\\Program Files\\Pump\\pump.exe -v \"a b\"")
        .value("ObjectName", Data::Text("NT AUTHORITY\\LocalService".into()));
    let hosted = service("Hosted", 0x20, 2, "%SystemRoot%\\system32\\svchost.exe -k net").key(
        Key::new("Parameters")
            .value("ServiceDll", Data::Text("%SystemRoot%\\System32\\hosted.dll".into())),
    );
    let services = [
        pump,
        hosted,
        service("late", 0x10, 2, "C:\\late.exe").value("DelayedAutostart", Data::Number(1)),
        service("asked", 0x10, 3, "\"C:\\Program Files\\Pump\\pump.exe\" -asked")
            .key(Key::new("TriggerInfo")),
        service("off", 0x10, 4, "C:\\off.exe"),
        service("disk", 1, 0, "system32\\drivers\\disk.sys"),
        service("plug", 1, 3, ""),
        Key::new("nothing").value("Start", Data::Number(2)),
    ];
    let services = services.into_iter().fold(Key::new("Services"), Key::key);
    Key::new("SYSTEM")
        .key(Key::new("Select").value("Current", Data::Number(2)))
        .key(Key::new("ControlSet001").key(Key::new("Services").key(service("old", 1, 0, "x"))))
        .key(Key::new("ControlSet002").key(services))
}

fn software(automatic: &str) -> Key {
    let current = |key: Key| {
        Key::new("Microsoft").key(Key::new("Windows").key(Key::new("CurrentVersion").key(key)))
    };
    let run = Key::new("Run").value("Viewer", Data::Text("C:\\viewer.exe /min".into()));
    let logon = Key::new("Winlogon")
        .value("Shell", Data::Text("explorer.exe".into()))
        .value("Userinit", Data::Text("C:\\Windows\\system32\\userinit.exe,".into()))
        .value("AutoAdminLogon", Data::Text(automatic.into()));
    let microsoft =
        current(run).key(Key::new("Windows NT").key(Key::new("CurrentVersion").key(logon)));
    Key::new("SOFTWARE").key(microsoft)
}

fn installed(system: Vec<u8>, automatic: &str) -> Tree {
    let task = "<Task><Triggers><BootTrigger/></Triggers><Principals><Principal><UserId>S-1-5-18</UserId>\
        </Principal></Principals><Actions><Exec><Command>C:\\Program Files\\Pump\\pump.exe</Command>\
        <Arguments>-t &quot;a b&quot;</Arguments></Exec></Actions></Task>";
    let wide: Vec<u8> =
        [0xfeff].into_iter().chain(task.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    Tree::new()
        .file("img/Windows/System32/config/SYSTEM", 0o644, system)
        .file("img/Windows/System32/config/SOFTWARE", 0o644, software(automatic).build())
        .file("img/Windows/System32/Tasks/Maker/Pump", 0o644, wide)
        .file("img/Windows/System32/svchost.exe", 0o644, "MZ")
        .file("img/Windows/System32/hosted.dll", 0o644, "MZ")
        .file("img/Windows/explorer.exe", 0o644, "MZ")
        .file("img/Windows/System32/drivers/plug.sys", 0o644, "MZ")
        .file("img/Program Files/Pump/Pump.EXE", 0o644, "MZ")
}

#[test]
fn services_drivers_run_keys_and_tasks_are_read() {
    let (roots, problems) = answers(&installed(system().build(), "0"));
    assert_eq!((roots.len(), problems), (1, 0));
    assert_eq!(roots[0].root.to_string(), "image@0x0/cpio:/img");
    assert!(matches!(roots[0].reached, Known::Unknown(_)));
    let seen = boot(&roots[0]);
    for entry in [
        "boot Pump: C:\\Program Files\\Pump\\pump.exe -v a b (automatic)",
        "boot Hosted: %SystemRoot%\\system32\\svchost.exe -k net %SystemRoot%\\System32\\hosted.dll (automatic)",
        "boot late: C:\\late.exe (automatic, delayed)",
        "demand asked: C:\\Program Files\\Pump\\pump.exe -asked (event)",
        "disabled off: C:\\off.exe (disabled)",
        "boot disk: system32\\drivers\\disk.sys (boot)",
        "demand plug: \\SystemRoot\\System32\\drivers\\plug.sys (when its device is there)",
        "demand Shell: explorer.exe (logon)",
        "demand Userinit: C:\\Windows\\system32\\userinit.exe (logon)",
        "demand Viewer: C:\\viewer.exe /min (logon)",
        "boot maker/pump: C:\\Program Files\\Pump\\pump.exe -t a b (boot)",
    ] {
        holds(&seen, entry);
    }
    assert_eq!(seen.len(), 11);
    let entries = roots[0].boot.known().unwrap();
    let find = |name: &str| entries.iter().find(|one| one.name == name).unwrap();
    let program = |entry: &BootEntry| entry.program.as_ref().map(ToString::to_string);
    let pump = find("Pump");
    assert_eq!(pump.user.as_deref(), Some("NT AUTHORITY\\LocalService"));
    assert_eq!(program(pump).unwrap(), "image@0x0/cpio:/img/Program Files/Pump/Pump.EXE");
    assert!(
        pump.configuration
            .to_string()
            .starts_with("image@0x0/cpio:/img/Windows/System32/config/SYSTEM@0x1")
    );
    let hosted = find("Hosted");
    assert_eq!(hosted.user.as_deref(), Some("LocalSystem"));
    assert_eq!(program(hosted).unwrap(), "image@0x0/cpio:/img/Windows/System32/hosted.dll");
    let plug = find("plug");
    assert_eq!((plug.source, plug.user.as_deref()), (BootSource::WindowsDriver, None));
    assert!(program(plug).is_some() && program(find("Shell")).is_some());
}

#[test]
fn an_automatic_logon_starts_what_the_logon_does() {
    let (roots, _) = answers(&installed(system().build(), "1"));
    holds(&boot(&roots[0]), "boot Viewer: C:\\viewer.exe /min (automatic logon)");
}

#[test]
fn a_damaged_or_unclosed_hive_is_told() {
    let mut dirty = system().build();
    dirty[4] = 9;
    let (roots, problems) = answers(&installed(dirty, "0"));
    assert_eq!(problems, 1);
    holds(&boot(&roots[0]), "disabled off: C:\\off.exe (disabled)");
    let (roots, problems) = answers(&installed(b"regf".to_vec(), "0"));
    assert_eq!(problems, 1);
    holds(&boot(&roots[0]), "demand Shell: explorer.exe (logon)");
}
