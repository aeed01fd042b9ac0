//! The walls around the child: what it gives up before it reads the first hostile byte.
//!
//! Resource limits, `no_new_privs`, Landlock where the kernel has it, and a seccomp filter that
//! admits only what computing on open descriptors needs; any other system call fails with EPERM.
//! A wall that cannot be built is told, not hidden: the caller decides whether that is enough.

use std::collections::BTreeMap;

use landlock::{ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _, RulesetStatus};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// Address space of the child: the cache and the largest stream fit several times.
const ADDRESS_SPACE_BYTES: u64 = 8 << 30;
/// Descriptors: the three standard ones and a few that the runtime opened before.
const DESCRIPTORS_MAX: u64 = 64;

/// Builds all walls and tells, one word or sentence each, which of them stand.
pub(super) fn build() -> Vec<String> {
    vec![limit_resources(), forbid_new_privileges(), restrict_files(), filter_system_calls()]
}

fn limit_resources() -> String {
    let limits = [
        (Resource::As, ADDRESS_SPACE_BYTES),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Nofile, DESCRIPTORS_MAX),
    ];
    for (resource, value) in limits {
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
    match seccomp_program().and_then(|program| {
        seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
    }) {
        Ok(()) => "seccomp".to_owned(),
        Err(error) => format!("seccomp: not set ({error})"),
    }
}

fn seccomp_program() -> Result<BpfProgram, String> {
    let rules: BTreeMap<i64, Vec<_>> = ADMITTED.iter().map(|&call| (call, Vec::new())).collect();
    let arch: TargetArch =
        std::env::consts::ARCH.try_into().map_err(|error| format!("{error:?}"))?;
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, denied, SeccompAction::Allow, arch)
        .and_then(BpfProgram::try_from)
        .map_err(|error| error.to_string())
}

/// Reading and writing open descriptors, memory, threads and their signals, time: no `open`, no
/// `socket`, no `exec`, no `ptrace`, no `kill` of others.
const ADMITTED: &[i64] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
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
