//! The demo's chat room: takes posts of the shape that Slack's incoming webhooks take, and keeps each as a file. For
//! the loopback only.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Largest post taken.
const MAX_POST: usize = 1 << 20;
/// Largest head of a post.
const MAX_HEAD: u64 = 64 << 10;

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
            .context("the chat room cannot accept")?;
        count += 1;
        // One after the other: a demo has few posts, and their files then carry their order.
        if let Err(error) = take(stream, dir, count).await {
            tracing::debug!(error = %error, "a post ended early");
        }
    }
}

async fn take(stream: TcpStream, dir: &Path, count: u64) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    let body = post(BufReader::new(reader)).await;
    let status = match &body {
        Ok(body) => {
            keep(dir, count, body)?;
            "200 OK\r\nContent-Length: 2\r\n\r\nok"
        }
        Err(_) => "400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    };
    let answer = format!(
        "HTTP/1.1 {}",
        status.replacen("\r\n", "\r\nConnection: close\r\n", 1)
    );
    writer.write_all(answer.as_bytes()).await?;
    body.map(|_| ())
}

/// The body of a request, which must be a post of a JSON object with a `text`.
async fn post(reader: impl tokio::io::AsyncRead + Unpin) -> Result<Vec<u8>> {
    let mut reader = BufReader::new(reader.take(MAX_HEAD + MAX_POST as u64));
    let mut length = None;
    let mut first = true;
    loop {
        let mut line = String::new();
        ensure!(
            reader.read_line(&mut line).await? > 0,
            "the head is cut off"
        );
        let line = line.trim_end();
        if first {
            ensure!(line.starts_with("POST "), "not a post");
            first = false;
        } else if line.is_empty() {
            break;
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<usize>().ok();
        }
    }
    let length = length.context("no length")?;
    ensure!(length <= MAX_POST, "too large");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    match serde_json::from_slice::<Value>(&body)?["text"].as_str() {
        Some(_) => Ok(body),
        None => bail!("no text"),
    }
}

/// Renamed into place, so that a reader never sees half a post.
fn keep(dir: &Path, count: u64, body: &[u8]) -> Result<()> {
    let draft = dir.join(format!("{count:06}.part"));
    std::fs::write(&draft, body)?;
    std::fs::rename(draft, dir.join(format!("{count:06}.json")))?;
    Ok(())
}

/// The texts of all posts so far, in order of arrival.
pub(crate) fn read(dir: &Path) -> Result<Vec<String>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let post: Value = serde_json::from_slice(&std::fs::read(path)?)?;
            Ok(post["text"].as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_posts_with_a_text_are_taken() {
        let head = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
        for (request, taken) in [
            (
                format!("POST / HTTP/1.1\r\n{}", head(r#"{"text":"a"}"#)),
                true,
            ),
            (
                format!("GET / HTTP/1.1\r\n{}", head(r#"{"text":"a"}"#)),
                false,
            ),
            (format!("POST / HTTP/1.1\r\n{}", head(r#"{"x":1}"#)), false),
            (
                "POST / HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n".to_owned(),
                false,
            ),
            ("POST / HTTP/1.1\r\n".to_owned(), false),
        ] {
            assert_eq!(post(request.as_bytes()).await.is_ok(), taken, "{request}");
        }
    }
}
