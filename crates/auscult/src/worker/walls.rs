//! The walls around the child: what it gives up before it reads the first hostile byte.
//!
//! Resource limits, `no_new_privs`, Landlock where the kernel has it, and two seccomp filters: one
//! admits only what computing on open descriptors needs, and any other system call fails with
//! EPERM, as libraries ask for harmless things and go on without; the other kills whoever opens a
//! socket, starts a program, writes, makes or removes a file, or turns on another process, since
//! no reader ever does.
//! A wall that cannot be built is told, not hidden: the caller decides whether that is enough.

use std::collections::BTreeMap;

use landlock::{ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _, RulesetStatus};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Address space of the child: the cache and the largest stream fit several times.
const ADDRESS_SPACE_BYTES: u64 = 8 << 30;
/// Descriptors: the three standard ones and a few that the runtime opened before.
const DESCRIPTORS_MAX: u64 = 64;

/// Builds all walls; of files, only the one to spill to may grow, up to so many bytes. Tells, one word or sentence each, which of them stand.
pub(super) fn build(spill_bytes: u64) -> Vec<String> {
    vec![
        limit_resources(spill_bytes),
        forbid_new_privileges(),
        restrict_files(),
        filter_system_calls(),
    ]
}

fn limit_resources(spill_bytes: u64) -> String {
    let limits = [
        (Resource::As, ADDRESS_SPACE_BYTES),
        (Resource::Fsize, spill_bytes),
        (Resource::Core, 0),
        (Resource::Nofile, DESCRIPTORS_MAX),
    ];
    for (resource, value) in limits {
        // What the user allowed less of stays less.
        let value = getrlimit(resource).maximum.map_or(value, |most| most.min(value));
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        if let Err(error) = setrlimit(resource, limit) {
            return format!("rlimits: not set ({resource:?}: {error})");
        }
    }
    "rlimits".to_owned()
}

fn forbid_new_privileges() -> String {
    match rustix::thread::set_no_new_privs(true) {
        Ok(()) => "no-new-privs".to_owned(),
        Err(error) => format!("no-new-privs: not set ({error})"),
    }
}

/// Gives up every access to files by path: no rule is added to the ruleset.
fn restrict_files() -> String {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    match ruleset.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {
            "landlock".to_owned()
        }
        Ok(RulesetStatus::NotEnforced) => "landlock: not in this kernel".to_owned(),
        Err(error) => format!("landlock: not set ({error})"),
    }
}

fn filter_system_calls() -> String {
    let apply = |program: BpfProgram| {
        seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
    };
    let all = [deadly(), threads_only(), admitting()];
    match all.into_iter().try_for_each(|program| program.and_then(apply)) {
        Ok(()) => "seccomp".to_owned(),
        Err(error) => format!("seccomp: not set ({error})"),
    }
}

/// The filter that kills.
fn deadly() -> Result<BpfProgram, String> {
    let mut rules: BTreeMap<i64, Vec<_>> = DEADLY.iter().map(|&call| (call, Vec::new())).collect();
    // To open for anything but reading: any of these flags.
    let flags = [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC];
    let opens = |argument| {
        flags
            .map(|flag| u64::from(flag.unsigned_abs()))
            .map(|flag| bits(argument, flag, flag))
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
    };
    rules.insert(libc::SYS_openat, opens(2)?);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, opens(1)?);
    // A process of its own is no thread.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    rules.insert(libc::SYS_clone, vec![bits(0, thread, 0)?]);
    program(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

/// The filter that hides `clone3`, whose flags no filter can see, so that threads are started by
/// `clone`, where [`deadly`] sees whether it is a thread.
fn threads_only() -> Result<BpfProgram, String> {
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    program([(libc::SYS_clone3, Vec::new())].into(), SeccompAction::Allow, absent)
}

/// The filter that admits a few calls and fails all others.
fn admitting() -> Result<BpfProgram, String> {
    let rules = ADMITTED.iter().map(|&call| (call, Vec::new())).collect();
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    program(rules, denied, SeccompAction::Allow)
}

/// A rule for calls whose argument has this value in the bits of a mask.
fn bits(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, String> {
    let equal = SeccompCmpOp::MaskedEq(mask);
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, equal, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|error| error.to_string())
}

fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    others: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, String> {
    let arch: TargetArch =
        std::env::consts::ARCH.try_into().map_err(|error| format!("{error:?}"))?;
    SeccompFilter::new(rules, others, listed, arch)
        .and_then(BpfProgram::try_from)
        .map_err(|error| error.to_string())
}

/// What no reader does: network, programs, other processes, the file system, the kernel.
const DEADLY: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_pidfd_send_signal,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// Reading and writing open descriptors, memory, threads and their signals, time: no `open`, no
/// `socket`, no `exec`, no `ptrace`, no `kill` of others.
const ADMITTED: &[i64] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_prctl,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_tgkill,
    libc::SYS_ppoll,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];
