//! How a device runs: what starts, what listens, what is reached, who may sign in.
//!
//! Answers hold for one root file system each, as an image may hold several (two slots, a rescue
//! system, an initramfs). They are read from configuration and headers, nothing is executed: what a
//! list does not name was *not seen*, which is no proof of absence.

use serde::{Deserialize, Serialize};

use crate::{Known, Locator, component::sort_unique};

/// How the devices in an image run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// One entry for each root file system; unknown where no root was found.
    pub roots: Known<Vec<RootOperation>>,
}

impl Default for Operation {
    fn default() -> Self {
        Self::unknown("how the device runs was not inspected")
    }
}

impl Operation {
    /// An operation of which nothing is known.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self { roots: Known::unknown(reason) }
    }

    /// Whether it says nothing at all; such a value is not written, so that facts of earlier
    /// versions keep their digest.
    pub fn is_unasked(&self) -> bool {
        *self == Self::default()
    }

    /// The roots; none where that is unknown.
    pub fn roots(&self) -> &[RootOperation] {
        self.roots.known().map_or(&[], Vec::as_slice)
    }

    /// The listeners of all roots, as far as they are known.
    pub fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.roots().iter().filter_map(|root| root.listeners.known()).flatten()
    }

    /// The releases that kernel modules of any root are for, as far as they are known.
    pub fn module_releases(&self) -> impl Iterator<Item = &ModuleRelease> {
        let modules = self.roots().iter().filter_map(|root| root.modules.known());
        modules.flat_map(|modules| &modules.releases)
    }

    /// Sorts every list and drops repetitions.
    pub(crate) fn canonicalise(&mut self) {
        if let Known::Known(roots) = &mut self.roots {
            for root in roots.iter_mut() {
                root.canonicalise();
            }
            sort_unique(roots);
        }
    }
}

/// How the device runs that mounts this root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RootOperation {
    /// The root: a file system, or a folder of it.
    pub root: Locator,
    /// What starts, and what could.
    pub boot: Known<Vec<BootEntry>>,
    /// Which programs the scripts of the boot set call.
    pub calls: Known<Vec<ScriptCall>>,
    /// Which network ports are, or may be, listened on.
    pub listeners: Known<Vec<Listener>>,
    /// Which binaries are seen to run, and how they are reached. A binary that is not in the list
    /// was not seen to run.
    pub reached: Known<Vec<Reached>>,
    /// Which kernel modules are loaded, refused, or built in.
    pub modules: Known<ModuleLoading>,
    /// The packet filter that is shipped.
    pub firewall: Known<Vec<FirewallRules>>,
    /// Programs that run with the rights of their owner or group.
    pub setuid: Known<Vec<SetuidFile>>,
    /// What happens when a storage or USB device is plugged in.
    pub removable_media: Known<Vec<MediaHandler>>,
    /// How the software of the device is replaced.
    pub update: Known<Vec<UpdateMechanism>>,
    /// Who may sign in.
    pub accounts: Known<Vec<Account>>,
}

impl RootOperation {
    /// Everything unknown for the same reason.
    pub fn unknown(root: Locator, reason: &str) -> Self {
        Self {
            root,
            boot: Known::unknown(reason),
            calls: Known::unknown(reason),
            listeners: Known::unknown(reason),
            reached: Known::unknown(reason),
            modules: Known::unknown(reason),
            firewall: Known::unknown(reason),
            setuid: Known::unknown(reason),
            removable_media: Known::unknown(reason),
            update: Known::unknown(reason),
            accounts: Known::unknown(reason),
        }
    }

    fn canonicalise(&mut self) {
        sort_known(&mut self.boot);
        sort_known(&mut self.calls);
        sort_known(&mut self.listeners);
        sort_known(&mut self.reached);
        if let Known::Known(modules) = &mut self.modules {
            sort_known(&mut modules.loads);
            for release in &mut modules.releases {
                sort_known(&mut release.builtin);
            }
            sort_unique(&mut modules.releases);
        }
        sort_known(&mut self.firewall);
        sort_known(&mut self.setuid);
        sort_known(&mut self.removable_media);
        sort_known(&mut self.update);
        if let Known::Known(accounts) = &mut self.accounts {
            for account in accounts.iter_mut() {
                sort_unique(&mut account.authorized_keys);
            }
        }
        sort_known(&mut self.accounts);
    }
}

fn sort_known<T: Ord>(list: &mut Known<Vec<T>>) {
    if let Known::Known(list) = list {
        sort_unique(list);
    }
}

/// What makes a program start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootSource {
    /// The kernel: the first process, by `init=` or by the kernel's own list.
    Kernel,
    /// A line of `/etc/inittab`.
    Inittab,
    /// A link in `/etc/rc?.d`.
    Sysv,
    /// A script that BusyBox' `rcS` runs.
    BusyboxRcs,
    /// A service of OpenWrt's procd, or a script in its `/etc/rc.d`.
    Procd,
    /// An OpenRC service.
    Openrc,
    /// A systemd unit.
    Systemd,
    /// A runit service.
    Runit,
    /// An s6 service.
    S6,
    /// A daemon that a boot script starts.
    Script,
    /// A program that is known to start it, without any configuration.
    Program,
    /// A cron job.
    Cron,
    /// A rule of udev, mdev or hotplug.
    Udev,
    /// A service of Android's init.
    AndroidInit,
    /// A line of `inetd.conf` or a file of xinetd.
    Inetd,
    /// A D-Bus service that is started when it is called.
    Dbus,
    /// A job of upstart.
    Upstart,
    /// A line of `/etc/fstab`, for which a helper is run.
    Fstab,
    /// A service of Windows.
    WindowsService,
    /// A driver of Windows.
    WindowsDriver,
    /// A program that Windows runs at logon, by a `Run` key or by Winlogon.
    WindowsRun,
    /// A scheduled task of Windows.
    WindowsTask,
}

impl BootSource {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Inittab => "inittab",
            Self::Sysv => "sysv",
            Self::BusyboxRcs => "busybox-rcs",
            Self::Procd => "procd",
            Self::Openrc => "openrc",
            Self::Systemd => "systemd",
            Self::Runit => "runit",
            Self::S6 => "s6",
            Self::Script => "script",
            Self::Program => "program",
            Self::Cron => "cron",
            Self::Udev => "udev",
            Self::AndroidInit => "android-init",
            Self::Inetd => "inetd",
            Self::Dbus => "dbus",
            Self::Upstart => "upstart",
            Self::Fstab => "fstab",
            Self::WindowsService => "windows-service",
            Self::WindowsDriver => "windows-driver",
            Self::WindowsRun => "windows-run",
            Self::WindowsTask => "windows-task",
        }
    }
}

/// Whether something starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootState {
    /// It starts when the device does.
    StartsAtBoot,
    /// It starts when something asks for it: a connection, a device, the clock, another service.
    OnDemand,
    /// It is installed and configured but does not start.
    Disabled,
}

/// Something that starts, or could.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BootEntry {
    /// What makes it start.
    pub source: BootSource,
    /// Its name: the unit, the link, the service.
    pub name: String,
    /// The program as the configuration writes it.
    pub command: String,
    /// Its arguments, with variables of the same file filled in.
    pub arguments: Vec<String>,
    /// The user, where one is told.
    pub user: Option<String>,
    /// When it starts: `sysinit`, `respawn`, a runlevel, a target, a schedule, an event.
    pub trigger: String,
    /// Whether it starts.
    pub state: BootState,
    /// Where that is configured.
    pub configuration: Locator,
    /// The program or script in the same root, where it is there.
    pub program: Option<Locator>,
}

/// A program that a script calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScriptCall {
    /// The line of the script.
    pub script: Locator,
    /// The command as it is written, with variables of the same file filled in.
    pub command: String,
    /// What is called.
    pub program: Locator,
}

/// Transport protocols of listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Another or an unknown one.
    Other,
}

impl Transport {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Other => "other",
        }
    }
}

/// Where a listener is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerSource {
    /// The program's own configuration file.
    Configuration,
    /// The command line with which it is started.
    CommandLine,
    /// `inetd.conf` or xinetd.
    Inetd,
    /// A systemd socket unit.
    SystemdSocket,
    /// The port on which the program listens when nothing says otherwise.
    Default,
    /// The functions that the binary imports.
    Imports,
}

/// How sure it is that a port is listened on once the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The configuration says so.
    Configured,
    /// The program does unless it is told otherwise, and nothing was seen to.
    DefaultOfProgram,
    /// It can listen; on what is not known.
    MayListen,
}

/// Whether a program was seen to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Started {
    /// It starts with the device.
    AtBoot,
    /// It starts when something asks for it.
    OnDemand,
    /// Nothing was seen that starts it.
    NotSeen,
}

impl From<BootState> for Started {
    fn from(state: BootState) -> Self {
        match state {
            BootState::StartsAtBoot => Self::AtBoot,
            BootState::OnDemand => Self::OnDemand,
            BootState::Disabled => Self::NotSeen,
        }
    }
}

/// A port that is, or may be, listened on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listener {
    /// Name of the program.
    pub name: String,
    /// The transport.
    pub transport: Transport,
    /// The port.
    pub port: Known<u16>,
    /// The address or interface: `127.0.0.1`, `::`, `0.0.0.0`, `lan`.
    pub address: Known<String>,
    /// The program in the same root, where it is there.
    pub program: Option<Locator>,
    /// Where it is known from.
    pub source: ListenerSource,
    /// How sure it is.
    pub certainty: Certainty,
    /// Whether the program was seen to run.
    pub started: Known<Started>,
    /// What says so.
    pub locator: Locator,
}

impl Listener {
    /// Transport and port, such as `tcp/22`; `?` stands for a port that is not known.
    pub fn socket(&self) -> String {
        let port = self.port.known().map_or_else(|| "?".to_owned(), ToString::to_string);
        format!("{}/{port}", self.transport.name())
    }

    /// Whether only the device itself reaches it.
    pub fn is_loopback(&self) -> bool {
        self.address.known().is_some_and(|address| {
            address.starts_with("127.") || matches!(address.as_str(), "::1" | "localhost" | "lo")
        })
    }

    /// Whether something was seen that starts the program.
    pub fn is_started(&self) -> bool {
        self.started.known().is_some_and(|started| *started != Started::NotSeen)
    }
}

/// By what a binary is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReachedBy {
    /// By what starts with the device.
    Boot,
    /// By a program that listens on the network.
    Network,
    /// By what starts when something asks for it.
    OnDemand,
    /// A running program loads libraries by name and could load this one.
    MayBeLoaded,
}

/// A binary that is seen to run or to be loaded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reached {
    /// The executable or library.
    pub program: Locator,
    /// By what.
    pub by: ReachedBy,
    /// One shortest chain that proves it: the name of what starts, then paths in the root.
    pub chain: Vec<String>,
}

/// Kernel modules: what is loaded and what cannot be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModuleLoading {
    /// Lines that load or refuse a module.
    pub loads: Known<Vec<ModuleLoad>>,
    /// The folders `/lib/modules/RELEASE`.
    pub releases: Vec<ModuleRelease>,
}

/// What is done with a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleAction {
    /// It is loaded when the device starts.
    Load,
    /// It is not loaded by its aliases (`blacklist`).
    Blacklist,
    /// It cannot be loaded by name (`install X /bin/false`).
    Refuse,
}

/// A line that loads or refuses a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModuleLoad {
    /// Name of the module, with `_` for `-`.
    pub name: String,
    /// What is done.
    pub action: ModuleAction,
    /// What says so.
    pub locator: Locator,
}

/// The modules of one kernel release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModuleRelease {
    /// What `uname -r` prints.
    pub release: String,
    /// Whether devices make the kernel load modules by alias: the table for it is there.
    pub autoload: Known<bool>,
    /// Names of what is built into the kernel, with `_` for `-`, from `modules.builtin`.
    pub builtin: Known<Vec<String>>,
    /// The file that says so, or the folder.
    pub locator: Locator,
}

/// A packet filter's rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FirewallRules {
    /// `iptables`, `ip6tables`, `nftables`, `uci`, `ufw`, `firewalld`, `shorewall`.
    pub kind: String,
    /// What happens to packets that come in and meet no rule: `accept`, `drop`, `reject`.
    pub input_policy: Known<String>,
    /// The file.
    pub locator: Locator,
}

/// A file with the setuid or setgid bit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SetuidFile {
    /// The file.
    pub locator: Locator,
    /// Whether it runs as its owner.
    pub setuid: bool,
    /// Whether it runs as its group.
    pub setgid: bool,
    /// Numeric owner.
    pub user: Known<u32>,
    /// Numeric group.
    pub group: Known<u32>,
}

/// Something that reacts to a device being plugged in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MediaHandler {
    /// `udev`, `mdev`, `hotplug`, `automount`, `fstab`.
    pub kind: String,
    /// The event or device that it reacts to, as it is written.
    pub event: String,
    /// What it runs or mounts.
    pub action: String,
    /// What says so.
    pub locator: Locator,
}

/// A way in which the software of the device is replaced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UpdateMechanism {
    /// `swupdate`, `rauc`, `mender`, `ostree`, `opkg`, `apt`, `sysupgrade`, `script`, … .
    pub kind: String,
    /// The program, script or configuration.
    pub locator: Locator,
}

/// What the password field of an account holds; never the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordState {
    /// Nothing: no password is asked for.
    Empty,
    /// No password fits.
    Locked,
    /// A hash by DES, crypt(3)'s oldest.
    Des,
    /// A hash by BSDi's extended DES.
    ExtendedDes,
    /// A hash by MD5 (`$1$`).
    Md5crypt,
    /// A hash by bcrypt (`$2…$`).
    Bcrypt,
    /// A hash by the NT function (`$3$`).
    Nt,
    /// A hash by SHA-256 (`$5$`).
    Sha256crypt,
    /// A hash by SHA-512 (`$6$`).
    Sha512crypt,
    /// A hash by yescrypt or gost-yescrypt (`$y$`, `$gy$`).
    Yescrypt,
    /// A hash by scrypt (`$7$`).
    Scrypt,
    /// A hash of another kind, or a password in clear.
    Other,
}

/// An account of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: Known<u32>,
    /// Its shell; empty means `/bin/sh`.
    pub shell: Known<String>,
    /// What stands in place of the password.
    pub password: Known<PasswordState>,
    /// Files of public keys that sign in as this account.
    pub authorized_keys: Vec<Locator>,
    /// The line that says so: the one with the password where there are two.
    pub locator: Locator,
}
