//! The demo's mail server: takes every mail and writes it to a folder, one file each. For the loopback only.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Largest mail taken.
const MAX_MAIL: usize = 1 << 20;
/// Longest line taken.
const MAX_LINE: usize = 64 << 10;

/// Serves until the process ends.
pub(crate) async fn serve(port: u16, dir: &Path) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .with_context(|| format!("port {port}"))?;
    let mut count = 0_u64;
    loop {
        let (stream, _) = listener
            .accept()
            .await
            .context("the mail server cannot accept")?;
        count += 1;
        // One after the other: a demo has few mails, and their files then carry their order.
        if let Err(error) = take(stream, dir, count).await {
            tracing::debug!(error = %error, "a mail connection ended early");
        }
    }
}

async fn take(stream: TcpStream, dir: &Path, connection: u64) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut mails = 0_u64;
    writer.write_all(b"220 quell demo\r\n").await?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 || line.len() > MAX_LINE {
            return Ok(());
        }
        let verb = line.trim_end().to_ascii_uppercase();
        let reply: &[u8] = match verb.split_whitespace().next().unwrap_or_default() {
            "EHLO" | "HELO" => b"250 quell demo\r\n",
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let text = body(&mut reader).await?;
                mails += 1;
                keep(dir, &format!("{connection:06}-{mails:03}.eml"), &text)?;
                b"250 kept\r\n"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        writer.write_all(reply).await?;
    }
}

async fn body(reader: &mut (impl AsyncBufReadExt + Unpin)) -> Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 || text.len() + line.len() > MAX_MAIL {
            anyhow::bail!("the mail is cut off or too large");
        }
        match line.trim_end() {
            "." => return Ok(text),
            plain => {
                text.push_str(plain.strip_prefix('.').unwrap_or(plain));
                text.push('\n');
            }
        }
    }
}

/// Renamed into place, so that a reader never sees half a mail.
fn keep(dir: &Path, name: &str, text: &str) -> Result<()> {
    let draft = dir.join(format!("{name}.part"));
    std::fs::write(&draft, text)?;
    std::fs::rename(draft, dir.join(name))?;
    Ok(())
}

/// A mail as kept.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// All mails so far, in order of arrival.
pub(crate) fn read(dir: &Path) -> Result<Vec<Mail>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| Ok(parse(&std::fs::read_to_string(path)?)))
        .collect()
}

/// The code in a mail: six to ten digits behind the word `code`.
pub(crate) fn code(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    lower.match_indices("code").find_map(|(at, word)| {
        let behind = &lower[at + word.len()..];
        let line = behind.lines().next().unwrap_or_default();
        let digits: String = line
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        (6..=10).contains(&digits.len()).then_some(digits)
    })
}

fn parse(text: &str) -> Mail {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let header = |name: &str| {
        let mut lines = head
            .lines()
            .skip_while(|line| !line.to_ascii_lowercase().starts_with(name));
        let first = lines.next().unwrap_or_default();
        let folded = lines
            .take_while(|line| line.starts_with([' ', '\t']))
            .map(str::trim);
        let value = first.split_once(':').map_or("", |(_, value)| value.trim());
        std::iter::once(value)
            .chain(folded)
            .collect::<Vec<_>>()
            .join(" ")
    };
    Mail {
        to: header("to:"),
        subject: header("subject:"),
        text: unquote(&header("content-transfer-encoding:"), body),
    }
}

/// Undoes quoted-printable, which mail programs use for lines that are long or not ASCII.
fn unquote(encoding: &str, body: &str) -> String {
    if !encoding.eq_ignore_ascii_case("quoted-printable") {
        return body.to_owned();
    }
    let joined = body.replace("=\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let decoded = (*first == b'=' && tail.len() >= 2)
            .then(|| {
                std::str::from_utf8(&tail[..2])
                    .ok()
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            })
            .flatten();
        match decoded {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found() {
        assert_eq!(code("Accept code: 123456\n").as_deref(), Some("123456"));
        assert_eq!(
            code("--accept-code 98765432 --x").as_deref(),
            Some("98765432")
        );
        assert_eq!(code("code of conduct\n12345678"), None);
    }

    #[test]
    fn a_mail_is_read_back() {
        let mail = parse(
            "From: q\nTo: ana@example.com\nSubject: one\n two\nContent-Transfer-Encoding: quoted-printable\n\ncode=3A 12=\n34\n",
        );
        assert_eq!(
            (mail.to.as_str(), mail.subject.as_str()),
            ("ana@example.com", "one two")
        );
        assert_eq!(mail.text, "code: 1234\n");
    }
}
