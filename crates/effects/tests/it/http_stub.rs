//! A small HTTP/1.1 server that answers by a function of the request, and can drop or hang instead.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::world::background;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// `POST /path?query`.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, content type, body.
    Answer(u16, &'static str, String),
    /// Status, one more header, body.
    With(u16, (&'static str, String), String),
    /// Close without a word.
    Drop,
    /// Say nothing and keep the connection.
    Hang,
}

#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Received>>>,
}

impl Stub {
    /// Serves; `reply` gets the request and its number, from 0.
    pub(crate) async fn start(
        reply: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(None, reply).await
    }

    /// Serves, over TLS when there is an acceptor.
    pub(crate) async fn start_with(
        tls: Option<TlsAcceptor>,
        reply: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stub = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
        };
        let (seen, reply) = (Arc::clone(&stub.seen), Arc::new(reply));
        background(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (seen, reply, tls) = (Arc::clone(&seen), Arc::clone(&reply), tls.clone());
                background(async move {
                    // A client that hangs up, or does not trust us, ends its connection only.
                    let _ = match tls {
                        None => serve(socket, &seen, reply.as_ref()).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => serve(socket, &seen, reply.as_ref()).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        stub
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Received> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Mutex<Vec<Received>>,
    reply: &(impl Fn(&Received, usize) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read_request(&mut socket, &mut buffer).await? else {
            return Ok(());
        };
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let (status, header, body) = match reply(&request, number) {
            Reply::Answer(status, content_type, body) => {
                (status, format!("content-type: {content_type}\r\n"), body)
            }
            Reply::With(status, (name, value), body) => {
                (status, format!("{name}: {value}\r\n"), body)
            }
            Reply::Drop => return Ok(()),
            Reply::Hang => std::future::pending().await,
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\n{header}content-length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).await?;
        socket.write_all(body.as_bytes()).await?;
    }
}

async fn read_request(
    socket: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> std::io::Result<Option<Received>> {
    let mut chunk = vec![0; 64 * 1024];
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        match socket.read(&mut chunk).await? {
            0 => return Ok(None),
            count => buffer.extend(&chunk[..count]),
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = head.lines();
    let line = lines
        .next()
        .unwrap()
        .trim_end_matches(" HTTP/1.1")
        .to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut request = Received {
        line,
        headers,
        body: String::new(),
    };
    let length: usize = request
        .header("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    while buffer.len() < end + length {
        match socket.read(&mut chunk).await? {
            0 => return Ok(None),
            count => buffer.extend(&chunk[..count]),
        }
    }
    request.body = String::from_utf8_lossy(&buffer[end..end + length]).into_owned();
    buffer.drain(..end + length);
    Ok(Some(request))
}
