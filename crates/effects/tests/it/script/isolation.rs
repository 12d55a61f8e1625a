//! What a script reaches: networks, files.

use model::EffectCommand;
use serde_json::{Value, json};

use super::{
    bench, bench_with, bench_without_namespaces, call, landlock, listen_for_connections,
    namespaces, payload, processes_with,
};
use crate::http_stub::{Reply, Stub};
use crate::world::{done, failed, perform};

const REACH: &str = "
import socket
def run(e, c):
    try:
        socket.create_connection(('127.0.0.1', e['port']), 2).close()
        return 'reached'
    except OSError as error:
        return type(error).__name__
";

#[tokio::test]
async fn an_isolated_script_has_no_network() {
    let Some(bench) = bench() else { return };
    if !namespaces() && landlock() < 4 {
        eprintln!("not run: this system permits neither namespaces nor Landlock for TCP");
        return;
    }
    let port = listen_for_connections().await;
    let result = payload(&bench, REACH, json!({ "port": port })).await;
    assert_ne!(result, "reached");
}

const CALL: &str = "
import urllib.request, urllib.error
def run(e, c):
    try:
        with urllib.request.urlopen(e['url'], timeout=5) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]
    except urllib.error.URLError as error:
        return [0, str(error.reason)]
";

#[tokio::test]
async fn an_open_script_reaches_the_configured_address_and_no_other() {
    let stub = Stub::start(|_, _| Reply::Answer(200, "text/plain", "hello".into())).await;
    let url = stub.url();
    let Some(bench) = bench_with(|scripts| {
        scripts.env.insert("AWS_ENDPOINT_URL_SSM".to_owned(), url);
    }) else {
        return;
    };
    let run = |script: &'static str, input: Value| {
        let call = call(script, input, false);
        perform(&bench.performer, EffectCommand::RunScript(call))
    };
    let asked = run(CALL, json!({ "url": format!("{}/x?a=1", stub.url()) })).await;
    assert_eq!(done(asked)["Payload"], json!([200, "hello"]));
    assert_eq!(stub.seen()[0].line, "GET /x?a=1");
    let other = listen_for_connections().await;
    for refused in [
        format!("http://127.0.0.1:{other}/"),
        format!("http://localhost:{}/", stub.port),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::ffff:169.254.169.254]/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        "http://example.com/".to_owned(),
        "http://ec2.eu-west-1.amazonaws.com/".to_owned(),
        "http://quell.internal/".to_owned(),
    ] {
        let answer = done(run(CALL, json!({ "url": refused })).await)["Payload"].clone();
        assert_eq!(answer[0], 403, "{refused}: {answer}");
        assert!(
            answer[1].as_str().unwrap().contains("may not reach"),
            "{refused}: {answer}"
        );
    }
    for refused in ["https://169.254.169.254/", "https://example.com/"] {
        let answer = done(run(CALL, json!({ "url": refused })).await)["Payload"].clone();
        assert!(
            answer[1].as_str().unwrap().contains("403"),
            "{refused}: {answer}"
        );
    }
    // Around the relay there is no way.
    for port in [stub.port, other] {
        let answer = done(run(REACH, json!({ "port": port })).await);
        assert_ne!(answer["Payload"], "reached", "{port}");
    }
}

#[tokio::test]
async fn files_outside_are_out_of_reach() {
    let Some(bench) = bench() else { return };
    if !namespaces() && landlock() < 6 {
        eprintln!("not run: neither namespaces nor Landlock for signals on this system");
        return;
    }
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "secret").unwrap();
    let script = "
import os
def tried(do):
    try:
        do()
        return 'allowed'
    except OSError as error:
        return type(error).__name__
def run(e, c):
    open('own', 'w').write('x')
    return {
        'read': tried(lambda: open(e['secret']).read()),
        'write': tried(lambda: open(e['secret'], 'w')),
        'shadow': tried(lambda: open('/etc/shadow').read()),
        'parent': tried(lambda: open('/proc/%d/environ' % e['pid']).read()),
        'usr': tried(lambda: open('/usr/pwned', 'w')),
        'kill': tried(lambda: os.kill(e['pid'], 0)),
        'own': open('own').read(),
    }
";
    let result = payload(
        &bench,
        script,
        json!({"secret": secret.path(), "pid": std::process::id()}),
    )
    .await;
    // In a root of its own a file of the same name in its own `/tmp` is nobody's.
    assert_eq!(std::fs::read_to_string(secret.path()).unwrap(), "secret");
    for name in ["read", "shadow", "parent", "usr", "kill"] {
        assert_ne!(result[name], "allowed", "{name}: {result}");
    }
    assert_eq!(result["own"], "x");
}

#[tokio::test]
async fn without_namespaces_scripts_run_behind_the_walls_that_are_left() {
    let Some(bench) = bench_without_namespaces(|_| {}) else {
        return;
    };
    let ids = "import os\ndef run(e, c): return [os.getpid() > 2, os.getppid() > 1]";
    assert_eq!(
        payload(&bench, ids, json!({})).await,
        json!([true, true]),
        "no process namespace"
    );
    if landlock() >= 4 {
        let port = listen_for_connections().await;
        assert_eq!(
            payload(&bench, REACH, json!({ "port": port })).await,
            "PermissionError"
        );
    }
    let leftover = "
import os, time
def run(e, c):
    if os.fork() == 0: time.sleep(60)
    return 'done'
";
    assert_eq!(payload(&bench, leftover, json!({})).await, "done");
    assert_eq!(processes_with("-X\0utf8", bench.scratch.path()), 0);
    let mut slow = call(
        "import time\ndef run(e, c): time.sleep(60)",
        json!({}),
        true,
    );
    slow.timeout_secs = 1;
    let failure = failed(perform(&bench.performer, EffectCommand::RunScript(slow)).await);
    assert_eq!(failure.code, "Timeout");
    assert_eq!(processes_with("-X\0utf8", bench.scratch.path()), 0);
}

#[tokio::test]
async fn a_launcher_without_a_policy_says_so() {
    let launcher = env!("CARGO_BIN_EXE_effects-script-sandbox");
    for args in [
        &[][..],
        &["{}"][..],
        &["--inside", "{}", "{}"][..],
        &["a", "b"][..],
    ] {
        let output = std::process::Command::new(launcher)
            .args(args)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(125), "{args:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).starts_with("script sandbox: "),
            "{args:?}"
        );
    }
}
