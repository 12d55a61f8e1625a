//! Files that a script must not reach.

use model::EffectCommand;
use serde_json::{Value, json};

use super::payload;
use crate::script::{Bench, bench, bench_with, bench_without_namespaces, call, landlock};
use crate::world::{failed, perform};

const FILES: &str = "
import os, shutil
def tried(do):
    try:
        do()
        return 'allowed'
    except Exception as error:
        return type(error).__name__
def link(to):
    path = os.environ['TMPDIR'] + '/link'
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(to, path)
    return path
def run(e, c):
    tmp, secret, pid = os.environ['TMPDIR'], e['secret'], e['pid']
    read = lambda path: (lambda: open(path).read())
    write = lambda path: (lambda: open(path, 'a').write('x'))
    return {
        'environ of init': tried(read('/proc/1/environ')),
        'environ of the server': tried(read('/proc/%d/environ' % pid)),
        'memory of the server': tried(read('/proc/%d/mem' % pid)),
        'root of the server': tried(read('/proc/%d/root/etc/passwd' % pid)),
        'own command': tried(read('/proc/self/cmdline')) if e['root'] else 'OSError',
        'secret': tried(read(secret)),
        'secret by a link': tried(lambda: open(link(secret)).read()),
        'secret by a link to its folder': tried(lambda: open(link(os.path.dirname(secret)) + '/' + os.path.basename(secret)).read()),
        'secret by a hard link': tried(lambda: os.link(secret, tmp + '/hard')),
        'secret by dots': tried(read(tmp + '/../../../../../..' + secret)),
        'write the secret': tried(write(secret)),
        'write by a link': tried(lambda: open(link(secret), 'a').write('x')),
        'write beside': tried(write(os.path.dirname(secret) + '/beside')),
        'write to /usr': tried(write('/usr/pwned')),
        'write to /etc': tried(write('/etc/pwned')),
        'write to the interpreter': tried(write(os.path.dirname(os.__file__) + '/pwned.py')),
        'rename out': tried(lambda: os.rename(link('/x'), os.path.dirname(secret) + '/out')),
        'shadow': tried(read('/etc/shadow')),
        'private keys': tried(lambda: os.listdir('/etc/ssl/private')),
        'disk': tried(read('/dev/sda')),
        'memory': tried(read('/dev/mem')),
        'make a device': tried(lambda: os.mknod(tmp + '/dev', 0o660 | 0o020000, os.makedev(1, 1))),
        'server by a signal': tried(lambda: os.kill(pid, 0)),
        'other runs': tried(lambda: [n for n in os.listdir(e['scratch']) if n.startswith('script-') and n not in tmp][0]),
    }
";

async fn tries_files(bench: &Bench) -> serde_json::Map<String, Value> {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let walls = bench.performer.script_walls().await.unwrap().unwrap();
    let input = json!({
        "secret": secret,
        "pid": std::process::id(),
        "root": walls.root,
        "scratch": bench.scratch.path(),
    });
    let told = payload(bench, FILES, input).await;
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "secret");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    told.as_object().unwrap().clone()
}

#[tokio::test]
async fn files_of_others_cannot_be_read_nor_written() {
    let Some(bench) = bench() else { return };
    for (name, result) in tries_files(&bench).await {
        assert_ne!(result, "allowed", "{name}");
    }
}

#[tokio::test]
async fn without_namespaces_files_are_still_shut_off() {
    let Some(bench) = bench_without_namespaces(|_| {}) else {
        return;
    };
    if landlock() < 6 {
        eprintln!("not run: no Landlock for signals on this system");
        return;
    }
    for (name, result) in tries_files(&bench).await {
        assert_ne!(result, "allowed", "{name}");
    }
}

#[tokio::test]
async fn the_private_folder_is_where_programs_look_for_one_and_has_a_size() {
    let Some(bench) = bench() else { return };
    let walls = bench.performer.script_walls().await.unwrap().unwrap();
    if !walls.root {
        eprintln!("not run: this system permits no root of its own");
        return;
    }
    let script = "
import os, errno
def run(e, c):
    open('/tmp/a', 'w').write('x')
    seen = [os.path.exists('/var/tmp/a'), os.path.exists('/dev/shm/a'), os.getcwd()]
    written = 0
    try:
        while True:
            with open('/tmp/big%d' % written, 'wb') as f:
                f.write(bytes(16 << 20))
            written += 16
    except OSError as error:
        return [*seen, errno.errorcode[error.errno], 100 <= written <= 128]
";
    assert_eq!(
        payload(&bench, script, json!({})).await,
        json!([true, true, "/tmp", "ENOSPC", true])
    );
    // The next run finds nothing of it.
    let look = "import os\ndef run(e, c): return [n for n in os.listdir('/tmp') if n.startswith(('a', 'big'))]";
    assert_eq!(payload(&bench, look, json!({})).await, json!([]));
}

#[tokio::test]
async fn a_server_whose_files_scripts_could_read_runs_none() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("server/scratch");
    std::fs::create_dir_all(&own).unwrap();
    for readable in [folder.path().to_path_buf(), folder.path().join("server")] {
        let Some(bench) = bench_with(|scripts| {
            scripts.scratch = own.clone();
            scripts.readable.push(readable);
        }) else {
            return;
        };
        let refused = bench.performer.script_walls().await.unwrap().unwrap_err();
        assert!(refused.contains("own files are in it"), "{refused}");
        let command = EffectCommand::RunScript(call("def run(e, c): pass", json!({}), true));
        let failure = failed(perform(&bench.performer, command).await);
        assert!(
            failure.message.contains("own files are in it"),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn what_is_mounted_below_what_is_shown_is_sealed_too() {
    use std::os::unix::fs::PermissionsExt;
    // A file system of its own in a folder that scripts may read, as `/usr/local` can be.
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let mounts = format!(
        "mount -t tmpfs none {0} && touch {0}/there",
        below.display()
    );
    let tried = std::process::Command::new("unshare")
        .args(["-Urm", "sh", "-c", &mounts])
        .output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("not run: nothing can be mounted on this system");
        return;
    }
    let readable = folder.path().to_path_buf();
    let wrapper = folder.path().join("launcher");
    let Some(bench) = bench_with(|scripts| {
        scripts.readable.push(readable);
        // A program of one file, since the second stage gets the launcher's own arguments.
        let text = format!(
            "#!/bin/sh\nexec unshare -Urm sh -c '{mounts} && exec {} \"$@\"' sh \"$@\"\n",
            scripts.launcher.display()
        );
        std::fs::write(&wrapper, text).unwrap();
        std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
        scripts.launcher.clone_from(&wrapper);
    }) else {
        return;
    };
    let walls = bench.performer.script_walls().await.unwrap().unwrap();
    if !walls.root {
        eprintln!("not run: no root of its own in a namespace of this system");
        return;
    }
    let script = "
import os
def tried(do):
    try:
        do()
        return 'allowed'
    except OSError as error:
        return error.errno
def run(e, c):
    there = os.path.join(e['below'], 'there')
    return [os.path.exists(there), tried(lambda: open(there, 'w')), tried(lambda: os.statvfs(there)), bool(os.statvfs(there).f_flag & os.ST_RDONLY)]
";
    let told = payload(&bench, script, json!({ "below": below })).await;
    assert_eq!(told[0], true);
    assert_ne!(told[1], "allowed");
    assert_eq!(told[3], true, "{told}");
}
