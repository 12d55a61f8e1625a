//! The filter of system calls: what no script needs and the kernel has had its holes in.
//!
//! Everything else is allowed: an interpreter uses most of what there is. Of sockets only TCP is left, so that neither
//! local services' sockets nor UDP lead around the relay. Where the script shares the system's processes, it may also
//! not touch another's limits or priority, nor leave its process group, which is all that it can be ended by.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};

/// Refused with "operation not permitted".
const REFUSED: [i64; 59] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_migrate_pages,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_mq_open,
    libc::SYS_msgget,
    libc::SYS_name_to_handle_at,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_semget,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_shmget,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: [i64; 3] = [libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: [i64; 0] = [];

/// Bit that marks a call of the x32 interface on x86-64: other numbers for the same calls.
const X32: u32 = 0x4000_0000;

/// What the filter depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// The script has processes of its own: it can name no other.
    pub(super) processes: bool,
    /// It may make Unix sockets, since it sees nobody's but its own.
    pub(super) local_sockets: bool,
}

/// Installs the filters for this process and all that it starts.
///
/// # Errors
/// The kernel has no such filters, or the machine is neither x86-64 nor 64-bit ARM.
pub(super) fn restrict(around: Around) -> Result<(), String> {
    let fail = |error: &dyn std::fmt::Display| format!("cannot filter system calls: {error}");
    for filter in [refused(around), absent()] {
        let filter: BpfProgram = filter
            .and_then(TryInto::try_into)
            .map_err(|error: seccompiler::BackendError| fail(&error))?;
        apply_filter(&filter).map_err(|error| fail(&error))?;
    }
    if cfg!(target_arch = "x86_64") {
        apply_filter(&no_x32()).map_err(|error| fail(&error))?;
    }
    Ok(())
}

fn refused(around: Around) -> Result<SeccompFilter, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED
        .into_iter()
        .chain(REFUSED_HERE)
        .map(|call| (call, Vec::new()))
        .collect();
    rules.insert(libc::SYS_socket, sockets(around.local_sockets)?);
    // Connects without the call that Landlock watches.
    let fast_open = u64::from(libc::MSG_FASTOPEN.unsigned_abs());
    for (call, flags) in [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ] {
        let connects = rule(&[(flags, SeccompCmpOp::MaskedEq(fast_open), fast_open)])?;
        rules.insert(call, vec![connects]);
    }
    if !around.processes {
        rules.extend(others()?);
    }
    // `clone` with any flag that asks for a new namespace.
    let namespaces = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    let namespaces: Result<Vec<SeccompRule>, _> = namespaces
        .into_iter()
        .map(|flag| {
            let flag = u64::from(flag.unsigned_abs());
            rule(&[(0, SeccompCmpOp::MaskedEq(flag), flag)])
        })
        .collect();
    rules.insert(libc::SYS_clone, namespaces?);
    // Typing into a terminal on behalf of its user.
    let terminal = [libc::TIOCSTI, libc::TIOCLINUX];
    let terminal: Result<Vec<SeccompRule>, _> = terminal
        .into_iter()
        .map(|request| rule(&[(1, SeccompCmpOp::MaskedEq(0xffff_ffff), request)]))
        .collect();
    rules.insert(libc::SYS_ioctl, terminal?);
    filter(rules, libc::EPERM)
}

/// Refuses what changes other processes of the same user, and what leaves the group.
fn others() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let itself = |argument: u8| rule(&[(argument, SeccompCmpOp::Ne, 0)]);
    let mut rules = BTreeMap::from([
        (libc::SYS_setsid, Vec::new()),
        (libc::SYS_setpgid, Vec::new()),
        // Of a process that is named, priority; `0` is the caller.
        (libc::SYS_setpriority, vec![itself(0)?, itself(1)?]),
        (
            libc::SYS_ioprio_set,
            vec![rule(&[(0, SeccompCmpOp::Ne, 1)])?, itself(1)?],
        ),
    ]);
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setscheduler,
    ] {
        rules.insert(call, vec![itself(0)?]);
    }
    Ok(rules)
}

/// Refuses every socket but TCP's, and Unix's where they are allowed.
fn sockets(local: bool) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    /// The type without `SOCK_NONBLOCK` and `SOCK_CLOEXEC`.
    const TYPE: u64 = 0xf;
    let (v4, v6) = (domain(libc::AF_INET), domain(libc::AF_INET6));
    let unix = domain(libc::AF_UNIX);
    let stream = u64::from(libc::SOCK_STREAM.unsigned_abs());
    let mut other = vec![(0, SeccompCmpOp::Ne, v4), (0, SeccompCmpOp::Ne, v6)];
    if local {
        other.push((0, SeccompCmpOp::Ne, unix));
    }
    let mut rules = vec![rule(&other)?];
    for family in [v4, v6] {
        let of_family = (0, SeccompCmpOp::Eq, family);
        // "Not equal under a mask" has no operator of its own: every other type is named.
        for kind in (0..=TYPE).filter(|kind| *kind != stream) {
            let kind = (1, SeccompCmpOp::MaskedEq(TYPE), kind);
            rules.push(rule(&[of_family.clone(), kind])?);
        }
        // Neither SCTP nor Multipath TCP, which Landlock's rules for TCP do not cover.
        let tcp = u64::from(libc::IPPROTO_TCP.unsigned_abs());
        rules.push(rule(&[
            of_family,
            (2, SeccompCmpOp::Ne, 0),
            (2, SeccompCmpOp::Ne, tcp),
        ])?);
    }
    Ok(rules)
}

fn domain(family: i32) -> u64 {
    u64::from(family.unsigned_abs())
}

/// Calls that are answered as by a kernel that has not got them: libraries then use the older form, whose arguments a
/// filter can see.
fn absent() -> Result<SeccompFilter, seccompiler::BackendError> {
    filter(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        libc::ENOSYS,
    )
}

fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    error: i32,
) -> Result<SeccompFilter, seccompiler::BackendError> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(error.unsigned_abs()),
        arch,
    )
}

/// Arguments that must all be so, each its number, comparison and value; compared as 32 bits.
fn rule(arguments: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, seccompiler::BackendError> {
    let conditions: Result<Vec<SeccompCondition>, _> = arguments
        .iter()
        .map(|(argument, operator, value)| {
            SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator.clone(), *value)
        })
        .collect();
    SeccompRule::new(conditions?)
}

/// Load the call's number; from [`X32`] up "no such call"; else allow.
fn no_x32() -> [sock_filter; 4] {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_GREATER_OR_EQUAL: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const ERRNO: u32 = 0x0005_0000;
    const ALLOW: u32 = 0x7fff_0000;
    let step = |code, jf, k| sock_filter { code, jt: 0, jf, k };
    [
        step(LOAD_WORD, 0, 0),
        step(JUMP_IF_GREATER_OR_EQUAL, 1, X32),
        step(RETURN, 0, ERRNO | libc::ENOSYS.unsigned_abs()),
        step(RETURN, 0, ALLOW),
    ]
}
