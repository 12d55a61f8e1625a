//! Scripts in the sandbox.

mod isolation;
mod limits;

use std::path::Path;

use effects::Performer;
use effects::config::Scripts;
use model::EffectCommand;
use model::effect::ScriptCall;
use serde_json::{Value, json};

use crate::world::{background, config, done, failed, perform, scripts};

pub(crate) struct Bench {
    pub(crate) performer: Performer,
    pub(crate) scratch: tempfile::TempDir,
}

impl Bench {
    /// Private directories of runs that are there.
    fn directories(&self) -> usize {
        std::fs::read_dir(self.scratch.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().is_dir())
            .count()
    }
}

pub(crate) fn bench_with(change: impl FnOnce(&mut Scripts)) -> Option<Bench> {
    let scratch = tempfile::tempdir().unwrap();
    let Some(mut scripts) = scripts(scratch.path().to_path_buf()) else {
        eprintln!("not run: no python3 on this machine");
        return None;
    };
    change(&mut scripts);
    let mut config = config();
    config.aws.endpoint_url = None;
    config.scripts = Some(scripts);
    Some(Bench {
        performer: Performer::new(config).unwrap(),
        scratch,
    })
}

pub(crate) fn bench() -> Option<Bench> {
    bench_with(|_| {})
}

pub(crate) fn call(script: &str, payload: Value, isolated: bool) -> ScriptCall {
    ScriptCall {
        attachment: None,
        runtime: "python3.11".to_owned(),
        handler: "run".to_owned(),
        script: script.to_owned(),
        payload,
        isolated,
        assume_role: None,
        region: "eu-west-1".to_owned(),
        timeout_secs: 20,
    }
}

async fn payload(bench: &Bench, script: &str, payload: Value) -> Value {
    done(
        perform(
            &bench.performer,
            EffectCommand::RunScript(call(script, payload, true)),
        )
        .await,
    )["Payload"]
        .clone()
}

async fn message(bench: &Bench, script: &str) -> String {
    let failure = failed(
        perform(
            &bench.performer,
            EffectCommand::RunScript(call(script, json!({}), true)),
        )
        .await,
    );
    assert_eq!(failure.code, "ScriptError", "{}", failure.message);
    failure.message
}

#[tokio::test]
async fn a_handler_gets_its_input_and_returns_its_result() {
    let Some(bench) = bench() else { return };
    let script = "
import datetime, decimal
def run(events, context):
    print('a line for the log')
    return {'got': events, 'when': datetime.datetime(2026, 1, 2, 3, 4, 5), 'day': datetime.date(2026, 1, 2),
            'whole': decimal.Decimal('3'), 'part': decimal.Decimal('1.5'), 'set': {2, 1}, 'bytes': b'x', 'tuple': (1,),
            7: 'int key', None: 'none key', 'token': len(context['IdempotencyToken'])}
";
    let given = json!({"a": [1, 2.5, null, true], "text": "ü😀\u{0}\"'"});
    let want = json!({
        "got": given, "when": "2026-01-02T03:04:05", "day": "2026-01-02", "whole": 3, "part": 1.5, "set": [1, 2], "bytes": "x",
        "tuple": [1], "7": "int key", "null": "none key", "token": 36,
    });
    assert_eq!(payload(&bench, script, given.clone()).await, want);
    assert_eq!(
        payload(&bench, "def run(e, c): pass", json!({})).await,
        Value::Null
    );
    assert_eq!(bench.directories(), 0, "private directories are removed");
}

#[tokio::test]
async fn failures_are_told_in_the_authors_terms() {
    let Some(bench) = bench() else { return };
    let text = message(
        &bench,
        "def run(e, c):\n    print('hint')\n    raise ValueError('no such thing')\n",
    )
    .await;
    assert!(text.starts_with("ValueError: no such thing"), "{text}");
    assert!(
        text.contains("\"<script>\", line 3, in run") && text.contains("raise ValueError"),
        "{text}"
    );
    assert!(
        text.contains("Log: hint") && !text.contains("harness.py"),
        "{text}"
    );
    let mut wrong = call("", json!({}), true);
    wrong.runtime = "python2.7".to_owned();
    let failure = failed(perform(&bench.performer, EffectCommand::RunScript(wrong)).await);
    assert!(
        failure
            .message
            .contains("no interpreter for runtime `python2.7`: known are python3.6"),
        "{}",
        failure.message
    );
    for (script, needle) in [
        ("def run(e, c):\n  import sys; sys.exit(3)", "sys.exit(3)"),
        ("def run(e, c) return 1", "SyntaxError"),
        ("def other(e, c): pass", "defines no function `run`"),
        ("run = 3", "defines no function `run`"),
        ("def run(e, c):\n  return (x for x in [1])", "generator"),
        ("def run(e, c):\n  return float('nan')", "no JSON form"),
        (
            "def run(e, c):\n  return 'x' * 102_399",
            "has 102401 bytes of JSON; at most 102400",
        ),
        (
            "def run(e, c):\n  a = []; a.append(a); return a",
            "levels deep",
        ),
        ("def run(e, c):\n  import os; os._exit(7)", "exit code 7"),
        ("def run(e, c):\n  return run(e, c)", "RecursionError"),
        (
            "import no_such_module\ndef run(e, c): pass",
            "ModuleNotFoundError",
        ),
    ] {
        let text = message(&bench, script).await;
        assert!(text.contains(needle), "{script}: {text}");
    }
    let mut wrong = call("", json!({}), true);
    wrong.runtime = "PowerShell 7.0".to_owned();
    let failure = failed(perform(&bench.performer, EffectCommand::RunScript(wrong)).await);
    assert!(
        failure
            .message
            .contains("no interpreter for runtime `PowerShell 7.0`: `pwsh` is not installed"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn inputs_and_results_may_be_large() {
    let Some(bench) = bench() else { return };
    // A hundred KiB with its quotes, whatever it is written in.
    for (unit, count) in [("x", 102_398), ("ü", 51_199), ("\u{1f600}", 25_599)] {
        let text = unit.repeat(count);
        let given = json!({ "unit": unit, "count": count });
        let script = "def run(e, c): return e['unit'] * e['count']";
        assert_eq!(payload(&bench, script, given).await, text.as_str());
    }
    let large = json!({ "text": "x".repeat(4 << 20), "list": vec![1; 100_000] });
    let script = "def run(e, c): return [len(e['text']), len(e['list'])]";
    assert_eq!(
        payload(&bench, script, large).await,
        json!([4 << 20, 100_000])
    );
    // What no JSON text can hold becomes a question mark, and what breaks lines does not break the answer.
    let odd = "def run(e, c): return ['a\\ud800b', '\\u2028\\x85\\n']";
    assert_eq!(
        payload(&bench, odd, json!({})).await,
        json!(["a?b", "\u{2028}\u{85}\n"])
    );
}

#[tokio::test]
async fn of_the_log_the_beginning_is_kept_and_its_end_told() {
    let Some(bench) = bench_with(|scripts| scripts.limits.log_bytes = 100_000) else {
        return;
    };
    let script = "
import sys
def run(e, c):
    print('first')
    for _ in range(2000): print('x' * 99)
    print('never kept')
    raise ValueError('stop')
";
    let text = message(&bench, script).await;
    assert!(text.starts_with("ValueError: stop"), "{text}");
    assert!(text.contains("Log: ") && text.ends_with("xxx"), "{text}");
    assert!(
        !text.contains("never kept") && !text.contains("first"),
        "{text}"
    );
    assert!(text.len() < 8000, "{}", text.len());
    let both = "import sys\ndef run(e, c):\n  print('out'); print('err', file=sys.stderr); 1 / 0";
    let text = message(&bench, both).await;
    assert!(text.contains("Log: out\nerr"), "{text}");
}

#[tokio::test]
async fn a_script_without_boto3_runs_on_any_python() {
    let plain = Path::new("/usr/bin/python3");
    if !plain.is_file() {
        eprintln!("not run: no /usr/bin/python3");
        return;
    }
    for early in [0, 1] {
        let Some(bench) = bench_with(|scripts| {
            scripts.python = plain.to_path_buf();
            scripts.warm = early;
        }) else {
            return;
        };
        for _ in 0..2 {
            let script = "import json\ndef run(e, c): return json.dumps(e)";
            assert_eq!(payload(&bench, script, json!({})).await, "{}");
        }
    }
}

#[tokio::test]
async fn a_runtime_runs_on_its_own_interpreter_where_one_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("bin/python3.9");
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    let Some(bench) = bench_with(|scripts| {
        let text = format!(
            "#!/bin/sh\nexport OWN=1\nexec {} \"$@\"\n",
            scripts.python.display()
        );
        std::fs::write(&own, text).unwrap();
        std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
        let real = scripts.python.canonicalize().unwrap();
        let prefix = real.parent().and_then(Path::parent).unwrap();
        scripts
            .readable
            .extend(["bin", "lib"].map(|part| prefix.join(part)));
        scripts.readable.push(scripts.python.clone());
        for runtime in ["python3.9", "python3.13"] {
            scripts.interpreters.insert(runtime.to_owned(), own.clone());
        }
    }) else {
        return;
    };
    let script = "import os\ndef run(e, c): return 'OWN' in os.environ";
    for (runtime, is_own) in [
        ("python3.6", false),
        ("python3.7", false),
        ("python3.8", false),
        ("python3.9", true),
        ("python3.10", false),
        ("python3.11", false),
        ("python3.13", true),
    ] {
        let mut call = call(script, json!({}), false);
        call.runtime = runtime.to_owned();
        let result = done(perform(&bench.performer, EffectCommand::RunScript(call)).await);
        assert_eq!(result["Payload"], is_own, "{runtime}");
    }
}

#[tokio::test]
async fn long_lists_are_cut_as_the_service_does() {
    let Some(bench) = bench() else { return };
    let result = payload(&bench, "def run(e, c): return list(range(500))", json!({})).await;
    assert_eq!(result.as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn input_is_data_whatever_it_holds() {
    let Some(bench) = bench() else { return };
    let hostile: Vec<Value> = [
        "'); import os; os._exit(1) #",
        "\"\"\"",
        "{{ global:REGION }}",
        "$(touch pwned)",
        "`id`",
        "${IFS}",
        "a\nb\r\n",
        "\u{0}",
        "\u{202e}gnp.exe",
        "\\u0027",
        "__import__('os').system('id')",
        "%s%n{0.__class__}",
        "\u{2028}",
        "'; DROP TABLE x; --",
    ]
    .into_iter()
    .map(Value::from)
    .collect();
    let given = json!({"values": hostile, "{{ evil }}": "'); raise SystemExit"});
    assert_eq!(
        payload(&bench, "def run(e, c): return e", given.clone()).await,
        given
    );
}

#[tokio::test]
async fn the_environment_is_empty_of_ours() {
    let Some(bench) = bench() else { return };
    let script = "
import os
def run(e, c):
    return sorted(os.environ)
";
    let names = payload(&bench, script, json!({})).await;
    assert_eq!(names, json!(["HOME", "LANG", "PATH", "TMPDIR", "TZ"]));
    let open = done(
        perform(
            &bench.performer,
            EffectCommand::RunScript(call(script, json!({}), false)),
        )
        .await,
    );
    assert_eq!(
        open["Payload"],
        json!([
            "AWS_CONFIG_FILE",
            "AWS_DEFAULT_REGION",
            "AWS_EC2_METADATA_DISABLED",
            "AWS_REGION",
            "AWS_SHARED_CREDENTIALS_FILE",
            "HOME",
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "LANG",
            "PATH",
            "TMPDIR",
            "TZ",
            "http_proxy",
            "https_proxy"
        ])
    );
}

/// A launcher for which the system permits no further namespaces: the sandbox's second way.
pub(crate) fn bench_without_namespaces(change: impl FnOnce(&mut Scripts)) -> Option<Bench> {
    let forbid =
        "echo 0 > /proc/sys/user/max_user_namespaces && echo 0 > /proc/sys/user/max_pid_namespaces";
    let tried = std::process::Command::new("unshare")
        .args(["-Ur", "sh", "-c", forbid])
        .output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("not run: namespaces cannot be forbidden on this system");
        return None;
    }
    bench_with(|scripts| {
        change(scripts);
        let line = format!("{forbid} && exec {} \"$@\"", scripts.launcher.display());
        scripts.launcher = "unshare".into();
        scripts.launcher_args = ["-Ur", "sh", "-c", &line, "sh"].map(str::to_owned).to_vec();
    })
}

#[tokio::test]
async fn a_missing_interpreter_is_named() {
    let Some(bench) = bench_with(|scripts| scripts.python = "/nonexistent/python".into()) else {
        return;
    };
    let text = message(&bench, "def run(e, c): pass").await;
    assert!(text.contains("/nonexistent/python"), "{text}");
}

/// A listener that accepts and says nothing.
pub(crate) async fn listen_for_connections() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    background(async move {
        let mut kept = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            kept.push(socket);
        }
    });
    port
}

pub(crate) fn namespaces() -> bool {
    let tried = |args: &[&str]| {
        std::process::Command::new("unshare")
            .args(args)
            .output()
            .is_ok_and(|output| output.status.success())
    };
    tried(&["-Urpfn", "true"]) || tried(&["-pfn", "true"])
}

/// Version of Landlock's interface that the kernel has, asked of the kernel itself; 0 without it.
pub(crate) fn landlock() -> u32 {
    // `landlock_create_ruleset` with no ruleset and the flag "version"; its number is the same everywhere.
    let ask = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))";
    let asked = std::process::Command::new("python3")
        .args(["-c", ask])
        .output();
    let text = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

/// Processes whose command line has both texts.
pub(crate) fn processes_with(name: &str, scratch: &Path) -> usize {
    ids_with(name, scratch).len()
}

/// Their ids.
pub(crate) fn ids_with(name: &str, scratch: &Path) -> Vec<String> {
    let scratch = scratch.canonicalize().unwrap().display().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let id = entry.file_name().to_string_lossy().into_owned();
            (line.contains(name) && line.contains(&scratch)).then_some(id)
        })
        .collect()
}
