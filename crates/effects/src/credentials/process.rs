//! Runs a `credential_process`: without a shell, within a time limit, with caps on what it may print.

use std::process::Stdio;
use std::time::Duration;

use aws::credentials::{Credentials, process, shell_words};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::config::Environment;

/// Most bytes of standard output.
const OUTPUT_BYTES: u64 = 64 * 1024;
/// Letters of standard error that an error shows.
const ERROR_LETTERS: usize = 500;

/// The keys that the command prints; the error says what failed and never shows standard output.
pub(super) async fn keys(
    command: &str,
    environment: &Environment,
    limit: Duration,
) -> Result<Credentials, String> {
    let words = shell_words::split(command)
        .map_err(|error| format!("the command cannot be split: {error}"))?;
    let Some((program, arguments)) = words.split_first() else {
        return Err("the command is empty".to_owned());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment.variables())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what it starts ends with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    let group = Group(child.id());
    let ended = tokio::time::timeout(limit, run(&mut child)).await;
    drop(group);
    let (output, words) = ended
        .map_err(|_| {
            format!(
                "`{program}` did not end within {} seconds and was stopped",
                limit.as_secs()
            )
        })?
        .map_err(|error| format!("`{program}` cannot be read: {error}"))?;
    if output.len() as u64 > OUTPUT_BYTES {
        return Err(format!(
            "`{program}` was stopped: it printed more than {OUTPUT_BYTES} bytes"
        ));
    }
    let status = child
        .try_wait()
        .ok()
        .flatten()
        .ok_or_else(|| format!("`{program}` ended without saying how"))?;
    if !status.success() {
        let shown: String = String::from_utf8_lossy(&words)
            .trim()
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(ERROR_LETTERS)
            .collect();
        return Err(format!("`{program}` ended with {status}: {shown}"));
    }
    process::parse_output(&output).map_err(|error| error.to_string())
}

/// Standard output and the beginning of standard error. The process has ended, unless it printed too much.
async fn run(child: &mut Child) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let (output, words) = (child.stdout.take(), child.stderr.take());
    let read_output = async {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            output
                .take(OUTPUT_BYTES + 1)
                .read_to_end(&mut bytes)
                .await?;
        }
        Ok::<_, std::io::Error>(bytes)
    };
    // Standard error is read to its end, or the process would wait for ever to write it.
    let read_words = beginning(words);
    let (output, words) = tokio::join!(read_output, read_words);
    let output = output?;
    if output.len() as u64 <= OUTPUT_BYTES {
        child.wait().await?;
    }
    Ok((output, words))
}

async fn beginning(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let (mut kept, mut chunk) = (Vec::new(), [0; 4096]);
    let Some(mut stream) = stream else {
        return kept;
    };
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        let room = (4 * ERROR_LETTERS).saturating_sub(kept.len());
        kept.extend(chunk.get(..count.min(room)).unwrap_or_default());
    }
    kept
}

/// Ends the process group when dropped: also when the caller stops waiting.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let group = self.0.and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group {
            // Nothing to do if it has ended already.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn script(folder: &tempfile::TempDir, text: &str) -> String {
        let path = folder.path().join("give keys");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        format!("/bin/sh '{}' --for \"an account\"", path.display())
    }

    async fn run_script(text: &str, limit_ms: u64) -> Result<Credentials, String> {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::from_pairs([
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("ASKED".to_owned(), "me".to_owned()),
        ]);
        keys(
            &script(&folder, text),
            &environment,
            Duration::from_millis(limit_ms),
        )
        .await
    }

    #[tokio::test]
    async fn keys_are_read_and_the_environment_is_kept() {
        let text = r#"printf '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "%s"}' "$ASKED" "$2""#;
        let keys = run_script(text, 20_000).await.unwrap();
        assert_eq!(keys, Credentials::new("me", "an account"));
    }

    #[tokio::test]
    async fn failures_say_what_happened_and_no_secret() {
        for (text, words) in [
            (
                "echo hunter2; echo not today >&2; exit 3",
                "exit status: 3: not today",
            ),
            ("echo hunter2", "not JSON"),
            (
                "echo '{\"Version\": 2, \"SecretAccessKey\": \"hunter2\"}'",
                "`Version` is 2",
            ),
            ("head -c 70000 /dev/zero", "more than 65536 bytes"),
            ("head -c 500000 /dev/zero >&2; exit 1", "exit status: 1"),
        ] {
            let fault = run_script(text, 20_000).await.unwrap_err();
            assert!(
                fault.contains(words) && !fault.contains("hunter2"),
                "{text}: {fault}"
            );
            assert!(fault.len() < 1200, "{} letters", fault.len());
        }
        let none = Environment::default();
        let absent = keys("/no/such/program", &none, Duration::from_secs(1)).await;
        assert!(absent.unwrap_err().contains("cannot be run"));
        assert!(
            keys("'x", &none, Duration::from_secs(1))
                .await
                .unwrap_err()
                .contains("not closed")
        );
        assert!(
            keys(" ", &none, Duration::from_secs(1))
                .await
                .unwrap_err()
                .contains("empty")
        );
    }

    #[tokio::test]
    async fn a_slow_process_is_stopped_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let text = format!("(sleep 2; echo late > '{}') & sleep 30", mark.display());
        let fault = run_script(&text, 300).await.unwrap_err();
        assert!(fault.contains("did not end within"), "{fault}");
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert!(!mark.exists(), "its child went on");
    }
}
