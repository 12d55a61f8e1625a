//! A small mail server that keeps what it gets, and misbehaves where a test asks for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::world::background;

/// What the sink does with one message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Refuse(&'static str),
    DropAfterData,
    Hang,
}

#[derive(Clone, Default)]
pub(crate) struct Sink {
    pub(crate) messages: Arc<Mutex<Vec<String>>>,
    pub(crate) commands: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<Mutex<usize>>,
    moods: Arc<Mutex<VecDeque<Mood>>>,
}

impl Sink {
    /// Starts the sink; each message takes the next mood, and is accepted when none is left.
    pub(crate) async fn start(moods: &[Mood]) -> (Self, u16) {
        Self::start_with(None, moods).await
    }

    /// Starts the sink with TLS from the first byte when there is an acceptor.
    pub(crate) async fn start_with(tls: Option<TlsAcceptor>, moods: &[Mood]) -> (Self, u16) {
        let sink = Self {
            moods: Arc::new(Mutex::new(moods.iter().copied().collect())),
            ..Self::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = sink.clone();
        background(async move {
            while let Ok((socket, _)) = listener.accept().await {
                *serving.connections.lock().unwrap() += 1;
                let (sink, tls) = (serving.clone(), tls.clone());
                background(async move {
                    // A client that hangs up in the middle, or does not trust us, ends its connection only.
                    let _ = match tls {
                        None => sink.talk(socket).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => sink.talk(socket).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        (sink, port)
    }

    pub(crate) fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    async fn talk(&self, socket: impl AsyncRead + AsyncWrite) -> std::io::Result<()> {
        let (read, mut write) = tokio::io::split(socket);
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 sink ESMTP\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            self.commands.lock().unwrap().push(line.clone());
            let verb = line
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            let answer: String = match verb.as_str() {
                "EHLO" => "250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN\r\n".into(),
                "AUTH" => "235 ok\r\n".into(),
                "QUIT" => return write.write_all(b"221 bye\r\n").await,
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await?;
                    let mut message = String::new();
                    while let Some(line) = lines.next_line().await? {
                        if line == "." {
                            break;
                        }
                        message.push_str(&line);
                        message.push('\n');
                    }
                    self.messages.lock().unwrap().push(message);
                    let mood = self.moods.lock().unwrap().pop_front();
                    match mood {
                        None => "250 queued\r\n".into(),
                        Some(Mood::Refuse(text)) => format!("{text}\r\n"),
                        Some(Mood::DropAfterData) => return Ok(()),
                        Some(Mood::Hang) => std::future::pending().await,
                    }
                }
                _ => "250 ok\r\n".into(),
            };
            write.write_all(answer.as_bytes()).await?;
        }
        Ok(())
    }
}
