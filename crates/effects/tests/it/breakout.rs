//! Scripts that try to break out of the sandbox, behind all the walls that this system permits and behind fewer.

mod files;
mod resources;

use std::path::Path;
use std::time::Duration;

use model::EffectCommand;
use serde_json::{Value, json};

use crate::script::{
    Bench, bench, bench_with, bench_without_namespaces, call, listen_for_connections, namespaces,
    processes_with,
};
use crate::world::{done, failed, perform};

/// Runs a script that is not isolated and gives what it returned.
async fn payload(bench: &Bench, script: &str, input: Value) -> Value {
    let command = EffectCommand::RunScript(call(script, input, false));
    done(perform(&bench.performer, command).await)["Payload"].clone()
}

/// System calls by number, so that no library stands before them; each gives its error's name or "allowed".
const CALLS: &str = "
import ctypes, errno, platform
libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == 'x86_64'
# Name: number on x86-64, number on 64-bit ARM, arguments.
CALLS = {
    'ptrace': (101, 117, (16, 1, 0, 0)),
    'keyctl': (250, 219, (0, -3, 0)),
    'add_key': (248, 217, (0, 0, 0, 0, 0)),
    'request_key': (249, 218, (0, 0, 0, 0)),
    'bpf': (321, 280, (0, 0, 0)),
    'mount': (165, 40, (0, 0, 0, 0, 0)),
    'umount2': (166, 39, (0, 0)),
    'pivot_root': (155, 41, (0, 0)),
    'chroot': (161, 51, (0,)),
    'unshare': (272, 97, (0x10000000,)),
    'setns': (308, 268, (0, 0)),
    'kexec_load': (246, 104, (0, 0, 0, 0)),
    'userfaultfd': (323, 282, (0,)),
    'io_uring_setup': (425, 425, (1, 0)),
    'io_uring_enter': (426, 426, (0, 0, 0, 0, 0, 0)),
    'perf_event_open': (298, 241, (0, 0, -1, -1, 0)),
    'process_vm_readv': (310, 270, (1, 0, 0, 0, 0, 0)),
    'process_vm_writev': (311, 271, (1, 0, 0, 0, 0, 0)),
    'pidfd_getfd': (438, 438, (0, 0, 0)),
    'open_by_handle_at': (304, 265, (0, 0, 0)),
    'fsopen': (430, 430, (0, 0)),
    'open_tree': (428, 428, (-100, 0, 0)),
    'reboot': (169, 142, (0, 0, 0, 0)),
    'init_module': (175, 105, (0, 0, 0)),
    'shmget': (29, 194, (0, 4096, 0o1600)),
    'semget': (64, 190, (0, 1, 0o1600)),
    'msgget': (68, 186, (0, 0o1600)),
    'mq_open': (240, 180, (0, 0, 0, 0)),
    'move_pages': (279, 239, (0, 0, 0, 0, 0, 0)),
    'clone with a user namespace': (56, 220, (0x10000000, 0, 0, 0, 0)),
    'clone3': (435, 435, (0, 0)),
}
def run(e, c):
    told = {}
    for name, (x86, arm, arguments) in CALLS.items():
        ctypes.set_errno(0)
        got = libc.syscall(ctypes.c_long(x86 if X86 else arm), *[ctypes.c_long(a) for a in arguments])
        told[name] = 'allowed' if got != -1 else errno.errorcode[ctypes.get_errno()]
    if X86:
        # The same call by its number of the x32 interface.
        ctypes.set_errno(0)
        got = libc.syscall(ctypes.c_long(0x40000000 + 101), ctypes.c_long(16), ctypes.c_long(1), ctypes.c_long(0), ctypes.c_long(0))
        told['x32'] = 'allowed' if got != -1 else errno.errorcode[ctypes.get_errno()]
    return told
";

#[tokio::test]
async fn the_kernels_wide_doors_are_shut() {
    let Some(bench) = bench() else { return };
    let told = payload(&bench, CALLS, json!({})).await;
    let told = told.as_object().unwrap();
    assert!(told.len() >= 31, "{told:?}");
    for (name, error) in told {
        let want = match name.as_str() {
            "clone3" | "x32" => "ENOSYS",
            _ => "EPERM",
        };
        assert_eq!(error, want, "{name}");
    }
}

#[tokio::test]
async fn only_tcp_sockets_can_be_made() {
    let Some(bench) = bench() else { return };
    let script = "
import socket
KINDS = {
    'unix': (socket.AF_UNIX, socket.SOCK_STREAM, 0),
    'netlink': (socket.AF_NETLINK, socket.SOCK_RAW, 0),
    'packet': (socket.AF_PACKET, socket.SOCK_RAW, 0),
    'vsock': (socket.AF_VSOCK, socket.SOCK_STREAM, 0),
    'alg': (socket.AF_ALG, socket.SOCK_SEQPACKET, 0),
    'udp': (socket.AF_INET, socket.SOCK_DGRAM, 0),
    'udp6': (socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0),
    'raw': (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    'mptcp': (socket.AF_INET, socket.SOCK_STREAM, 262),
    'tcp': (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP),
    'tcp6': (socket.AF_INET6, socket.SOCK_STREAM, 0),
}
def made(arguments):
    try:
        socket.socket(*arguments).close()
        return True
    except OSError:
        return False
def run(e, c):
    left, right = socket.socketpair()
    return sorted(name for name, arguments in KINDS.items() if made(arguments))
";
    assert_eq!(
        payload(&bench, script, json!({})).await,
        json!(["tcp", "tcp6"])
    );
}

const FAST_OPEN: &str = "
import socket
def run(e, c):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.settimeout(2)
        told = []
        for send in (
            lambda: one.sendto(b'x', 0x20000000, ('127.0.0.1', e['port'])),
            lambda: one.sendmsg([b'x'], [], 0x20000000, ('127.0.0.1', e['port'])),
        ):
            try:
                send()
                told.append('reached')
            except OSError as error:
                told.append(type(error).__name__)
        return told
";

#[tokio::test]
async fn no_connection_is_made_with_the_first_data() {
    for bench in [bench(), bench_without_namespaces(|_| {})] {
        let Some(bench) = bench else { continue };
        let port = listen_for_connections().await;
        assert_eq!(
            payload(&bench, FAST_OPEN, json!({ "port": port })).await,
            json!(["PermissionError", "PermissionError"])
        );
    }
}

#[tokio::test]
async fn without_a_process_namespace_others_are_left_alone_and_the_group_is_not_left() {
    let Some(bench) = bench_without_namespaces(|_| {}) else {
        return;
    };
    let script = "
import os, resource
def tried(do):
    try:
        do()
        return 'allowed'
    except OSError as error:
        return type(error).__name__
def run(e, c):
    pid = e['pid']
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    os.nice(1)
    return [tried(do) for do in (
        lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1)),
        lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE),
        lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
        lambda: os.setpriority(os.PRIO_USER, 0, 19),
        lambda: os.sched_setaffinity(pid, {0}),
        lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)),
        os.setsid,
        lambda: os.setpgid(0, 0),
    )]
";
    let told = payload(&bench, script, json!({ "pid": std::process::id() })).await;
    assert_eq!(told, Value::from(vec!["PermissionError"; 8]), "{told}");
    // So a daemon that tries to leave is killed with its group.
    let daemon = DAEMON.replace("os.setsid()", "tried(os.setsid)").replace(
        "def run",
        "def tried(do):\n    try: do()\n    except OSError: pass\ndef run",
    );
    assert_eq!(
        payload(&bench, &daemon, json!({"hang": false})).await,
        "done"
    );
    assert!(gone_by("-X\0utf8", bench.scratch.path()).await);
}

/// Leaves the group and the session twice over, and beats on.
const DAEMON: &str = "
import os, time
def run(e, c):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            for handle in (0, 1, 2):
                try: os.close(handle)
                except OSError: pass
            while True:
                time.sleep(0.05)
        os._exit(0)
    os.wait()
    if e['hang']:
        while True: time.sleep(1)
    return 'done'
";

#[tokio::test]
async fn a_daemon_survives_neither_the_end_nor_the_time_limit() {
    let Some(bench) = bench() else { return };
    if !namespaces() {
        eprintln!("not run: without a process namespace the group is killed only");
        return;
    }
    assert_eq!(
        payload(&bench, DAEMON, json!({"hang": false})).await,
        "done"
    );
    assert!(gone(bench.scratch.path()).await, "after the end");
    let mut hanging = call(DAEMON, json!({"hang": true}), false);
    hanging.timeout_secs = 1;
    let failure = failed(perform(&bench.performer, EffectCommand::RunScript(hanging)).await);
    assert_eq!(failure.code, "Timeout");
    assert!(gone(bench.scratch.path()).await, "after the time limit");
}

/// The kernel kills a namespace's processes when the first of them ends, which takes a moment.
async fn gone(scratch: &Path) -> bool {
    gone_by("harness.py", scratch).await
}

async fn gone_by(name: &str, scratch: &Path) -> bool {
    for _ in 0..200 {
        if processes_with(name, scratch) == 0 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn strict_wants_every_wall() {
    let strict = |scripts: &mut effects::config::Scripts| {
        scripts.sandbox = effects::config::Sandbox::Strict;
    };
    let Some(bench) = bench_without_namespaces(strict) else {
        return;
    };
    let refused = bench.performer.script_walls().await.unwrap().unwrap_err();
    for words in [
        "`strict`",
        "no user namespace",
        "no root of its own",
        "no network namespace",
    ] {
        assert!(refused.contains(words), "{refused}");
    }
    let command = EffectCommand::RunScript(call("def run(e, c): pass", json!({}), true));
    let failure = failed(perform(&bench.performer, command).await);
    assert!(failure.message.contains("`strict`"), "{}", failure.message);
    // The same system without the wish runs it.
    let Some(bench) = bench_without_namespaces(|_| {}) else {
        return;
    };
    let walls = bench.performer.script_walls().await.unwrap().unwrap();
    assert!(!walls.root && !walls.network && walls.syscalls, "{walls:?}");
    assert_eq!(
        payload(&bench, "def run(e, c): return 1", json!({})).await,
        1
    );
}

/// Becomes the launcher on a kernel that answers `unshare`, Landlock and filters of system calls with "no such call", as
/// the profiles of container runtimes and older kernels do.
const BARE: &str = "
import ctypes, os, platform, struct, sys
x86 = platform.machine() == 'x86_64'
calls = [272 if x86 else 97, 444, 317 if x86 else 277]
step = lambda code, jt, jf, k: struct.pack('HBBI', code, jt, jf, k)
program = step(0x20, 0, 0, 0)
for at, call in enumerate(calls):
    program += step(0x15, len(calls) - at, 0, call)
program += step(0x06, 0, 0, 0x7fff0000) + step(0x06, 0, 0, 0x00050000 | 38)
held = ctypes.create_string_buffer(program)
class Program(ctypes.Structure):
    _fields_ = [('count', ctypes.c_ushort), ('steps', ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(calls) + 3, ctypes.addressof(held))), 0, 0) == 0
os.execv(LAUNCHER, [LAUNCHER, *sys.argv[1:]])
";

#[tokio::test]
async fn where_the_system_permits_nothing_scripts_run_and_it_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let wrapper = folder.path().join("launcher");
    let behind_nothing = |scripts: &mut effects::config::Scripts| {
        let launcher = format!("LAUNCHER = {:?}", scripts.launcher.display().to_string());
        let text = format!("#!{}\n{launcher}\n{BARE}", scripts.python.display());
        std::fs::write(&wrapper, text).unwrap();
        std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
        scripts.launcher.clone_from(&wrapper);
    };
    let Some(bench) = bench_with(behind_nothing) else {
        return;
    };
    let walls = bench.performer.script_walls().await.unwrap().unwrap();
    assert_eq!(walls, effects::Walls::default());
    let told = walls.missing().join("; ");
    for words in [
        "no Landlock:",
        "no filter of system calls",
        "no network namespace",
    ] {
        assert!(told.contains(words), "{told}");
    }
    // What needs no wall is there: nothing inherited, limits, the relay as the proxy.
    let script = "
import os, resource
def run(e, c):
    return [resource.getrlimit(resource.RLIMIT_CORE)[1], 'HTTPS_PROXY' in os.environ, 'CARGO' in os.environ]
";
    assert_eq!(
        payload(&bench, script, json!({})).await,
        json!([0, true, false])
    );
    let Some(strict) = bench_with(|scripts| {
        behind_nothing(scripts);
        scripts.sandbox = effects::config::Sandbox::Strict;
    }) else {
        return;
    };
    let refused = strict.performer.script_walls().await.unwrap().unwrap_err();
    assert!(refused.contains("no Landlock:"), "{refused}");
}

fn bench_with_warm(count: usize) -> Option<Bench> {
    bench_with(|scripts| scripts.warm = count)
}

#[tokio::test]
async fn a_process_that_waited_runs_one_script_and_keeps_nothing() {
    let Some(bench) = bench_with_warm(2) else {
        return;
    };
    let script = "
import os, sys
def run(e, c):
    seen = [getattr(sys, 'left', None), os.path.exists('left'), 'AWS_REGION' in os.environ]
    sys.left = 1
    open('left', 'w').write('x')
    return seen
";
    for isolated in [false, true, false, true, true] {
        let command = EffectCommand::RunScript(call(script, json!({}), isolated));
        let result = done(perform(&bench.performer, command).await);
        assert_eq!(result["Payload"], json!([null, false, !isolated]));
    }
    until_waiting(&bench, 2).await;
    let scratch = bench.scratch.path().to_path_buf();
    drop(bench.performer);
    assert!(gone(&scratch).await, "they end with the performer");
}

/// A process that was started becomes an interpreter a moment later.
async fn until_waiting(bench: &Bench, count: usize) {
    for _ in 0..300 {
        if waiting(bench) == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(waiting(bench), count);
}

/// Interpreters that wait; the launcher's own lines have the words in another form.
fn waiting(bench: &Bench) -> usize {
    processes_with("harness.py\0--early", bench.scratch.path())
}

#[tokio::test]
async fn a_process_that_died_while_it_waited_is_replaced() {
    let Some(bench) = bench_with_warm(1) else {
        return;
    };
    let run = || payload(&bench, "def run(e, c): return 1", json!({}));
    assert_eq!(run().await, 1);
    until_waiting(&bench, 1).await;
    for id in crate::script::ids_with("harness.py\0--early", bench.scratch.path()) {
        let _ = std::process::Command::new("kill")
            .args(["-9", &id])
            .status();
    }
    assert_eq!(run().await, 1);
}

async fn powershell(bench: &Bench, input: Value) -> model::Outcome {
    let mut script = call("return 1", input, false);
    script.runtime = "PowerShell 7.0".to_owned();
    script.handler = String::new();
    perform(&bench.performer, EffectCommand::RunScript(script)).await
}

#[tokio::test]
async fn powershell_is_driven_where_it_is_and_missed_clearly_where_not() {
    use std::os::unix::fs::PermissionsExt;
    // A stand-in that shows how it is called; the real one is not needed to run these tests.
    let folder = tempfile::tempdir().unwrap();
    let pwsh = folder.path().join("pwsh");
    let text = "#!/bin/sh\ncase \"$InputPayload\" in *fail*) echo broken >&2; exit 3;; *text*) echo plain; exit 0;; esac\n\
                echo \"{\\\"input\\\": $InputPayload, \\\"script\\\": \\\"$(cat \"$QUELL_SCRIPT\")\\\", \\\"flags\\\": \\\"$1 $2 $3 $4\\\"}\"\n";
    std::fs::write(&pwsh, text).unwrap();
    std::fs::set_permissions(&pwsh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let Some(with) = bench_with(|scripts| scripts.pwsh = Some(pwsh)) else {
        return;
    };
    let result = done(powershell(&with, json!({"a": "'; exit 1 #"})).await);
    assert_eq!(
        result["Payload"],
        json!({
            "input": {"a": "'; exit 1 #"},
            "script": "return 1",
            "flags": "-NoLogo -NoProfile -NonInteractive -Command",
        })
    );
    assert_eq!(
        done(powershell(&with, json!({"a": "text"})).await)["Payload"],
        "plain"
    );
    let failure = failed(powershell(&with, json!({"a": "fail"})).await);
    assert!(
        failure.message.contains("exit code 3") && failure.message.contains("Log: broken"),
        "{}",
        failure.message
    );
    let Some(without) = bench() else { return };
    let failure = failed(powershell(&without, json!({})).await);
    assert!(
        failure.message.contains("`pwsh` is not installed"),
        "{}",
        failure.message
    );
}
