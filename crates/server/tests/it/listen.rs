//! Real sockets: heads, connections, a stop, TLS.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use server::{ListenOptions, TlsConfig, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::world::World;

struct Listening {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn listen(world: &World, options: ListenOptions) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let options = ListenOptions {
        readiness: Some(world.state.readiness().clone()),
        ..options
    };
    let serving = serve(listener, world.router.clone(), options, async move {
        stopped.await.ok();
    });
    #[expect(
        clippy::disallowed_methods,
        reason = "the test waits for this task itself"
    )]
    let task = tokio::spawn(serving);
    Listening {
        address,
        stop,
        task,
    }
}

async fn exchange(
    stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin),
    request: &str,
) -> String {
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(5), reading)
        .await
        .expect("an answer in time")
        .ok();
    String::from_utf8_lossy(&answer).into_owned()
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn heads_are_limited() {
    let world = World::new().await;
    let server = listen(&world, ListenOptions::default()).await;
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    assert!(
        exchange(&mut stream, HEALTH)
            .await
            .starts_with("HTTP/1.1 200")
    );
    let large = format!(
        "GET /health HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n",
        "x".repeat(20 * 1024)
    );
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    assert!(
        exchange(&mut stream, &large)
            .await
            .starts_with("HTTP/1.1 431")
    );
    let many: String = (0..150).map(|n| format!("x-{n}: 1\r\n")).collect();
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    let many = format!("GET /health HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    assert!(
        exchange(&mut stream, &many)
            .await
            .starts_with("HTTP/1.1 431")
    );
    server.stop.send(()).expect("running");
    server.task.await.expect("stopped");
}

#[tokio::test]
async fn a_slow_head_ends_the_connection() {
    let world = World::new().await;
    let options = ListenOptions {
        head_timeout: Duration::from_millis(100),
        ..ListenOptions::default()
    };
    let server = listen(&world, options).await;
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    let answer = exchange(&mut stream, "GET /health HTTP/1.1\r\nhost:").await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let world = World::new().await;
    let server = listen(
        &world,
        ListenOptions {
            max_connections: 1,
            ..ListenOptions::default()
        },
    )
    .await;
    let mut first = TcpStream::connect(server.address).await.expect("connected");
    first
        .write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    let mut byte = [0_u8; 1];
    first.read_exact(&mut byte).await.expect("an answer");
    let mut second = TcpStream::connect(server.address)
        .await
        .expect("queued by the kernel");
    second.write_all(HEALTH.as_bytes()).await.expect("sent");
    let early =
        tokio::time::timeout(Duration::from_millis(200), second.read_exact(&mut byte)).await;
    assert!(
        early.is_err(),
        "the second connection was served beside the first"
    );
    drop(first);
    let answered = tokio::time::timeout(Duration::from_secs(5), second.read_exact(&mut byte)).await;
    assert!(answered.is_ok_and(|read| read.is_ok()));
}

#[tokio::test]
async fn a_stop_closes_idle_connections_and_tells_health() {
    let world = World::new().await;
    let server = listen(&world, ListenOptions::default()).await;
    let mut idle = TcpStream::connect(server.address).await.expect("connected");
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    let mut byte = [0_u8; 1];
    idle.read_exact(&mut byte).await.expect("an answer");
    server.stop.send(()).expect("running");
    tokio::time::timeout(Duration::from_secs(5), server.task)
        .await
        .expect("in time")
        .expect("stopped");
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "nobody listens any more"
    );
    let health = world
        .send(crate::world::request("GET", "/health", ""))
        .await;
    assert_eq!(health.status, 503);
}

/// A fresh self-signed certificate, where the machine has `openssl`.
fn certificate(folder: &Path) -> bool {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
        ])
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("cert.pem"))
        .output();
    made.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn tls_is_spoken_with_the_given_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    if !certificate(folder.path()) {
        println!("not run: there is no openssl to make a certificate with");
        return;
    }
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    assert!(TlsConfig::from_pem_files(&key, &key).is_err());
    assert!(TlsConfig::from_pem_files(&cert, &cert).is_err());
    assert!(TlsConfig::from_pem_files(Path::new("none.pem"), &key).is_err());
    let tls = TlsConfig::from_pem_files(&cert, &key).expect("a certificate and its key");
    let world = World::new().await;
    let server = listen(
        &world,
        ListenOptions {
            tls: Some(tls),
            ..ListenOptions::default()
        },
    )
    .await;

    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&cert).expect("a certificate"))
        .expect("a root");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let client = tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let tcp = TcpStream::connect(server.address).await.expect("connected");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = connector.connect(name, tcp).await.expect("a handshake");
    let answer = exchange(&mut stream, HEALTH).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("strict-transport-security"), "{answer}");
}
