//! The only way out of a run: an HTTP proxy that knows which hosts the run may reach.
//!
//! The run finds it at its own loopback. It forwards `CONNECT` (TLS, which it does not open) and plain HTTP, connects
//! only to addresses that it has checked, and answers for Quell's own services itself. It lends no credentials but the
//! run's own.

mod own;
mod rules;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) use own::Own;
pub(crate) use rules::{OWN_HOST, Reach, Rules};

/// Connections of one run at once.
const CONNECTIONS: usize = 64;
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest request to Quell's own services, in bytes; the operation's own limit is below it.
const OWN_BODY: usize = 8 << 20;
/// Largest answer of a plain HTTP endpoint, in bytes. TLS is passed on without one.
const FORWARDED_BODY: usize = 64 << 20;
/// Headers that are meant for the proxy or for one connection (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
];

type Body = Either<Incoming, Full<Bytes>>;

/// The relay of one run.
#[derive(Clone)]
pub(crate) struct Egress {
    pub(crate) rules: Arc<Rules>,
    pub(crate) own: Option<Arc<Own>>,
}

/// A tunnel that begins when its connection's last answer has been sent.
type Tunnel = Arc<Mutex<Option<(OnUpgrade, TcpStream)>>>;

impl Egress {
    /// Serves connections until it is dropped, and they with it.
    pub(crate) async fn serve(&self, listener: TcpListener) -> Infallible {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept(), if open.len() < CONNECTIONS => {
                    match accepted {
                        Ok((socket, _)) => drop(open.spawn(self.clone().connection(socket))),
                        // No file handles are left, or the connection is gone already.
                        Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                    }
                }
                Some(_) = open.join_next() => {}
            }
        }
    }

    async fn connection(self, socket: TcpStream) {
        let tunnel = Tunnel::default();
        let service = service_fn(|request| {
            let (egress, tunnel) = (self.clone(), Arc::clone(&tunnel));
            async move {
                let answered = egress.answer(request, &tunnel).await;
                Ok::<_, Infallible>(answered.unwrap_or_else(|error| error.response()))
            }
        });
        let serving = server::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        // Whatever ends the connection, the run sees it.
        let _ = serving.await;
        let begun = tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((upgrade, mut upstream)) = begun
            && let Ok(upgraded) = upgrade.await
        {
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut upstream).await;
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        tunnel: &Tunnel,
    ) -> Result<Response<Body>, Refused> {
        let tunnelled = request.method() == Method::CONNECT;
        let (host, port) = destination(request.uri(), tunnelled)
            .ok_or_else(|| Refused::bad("the request names no host: use this as an HTTP proxy"))?;
        let reach = self.rules.decide(&host, port).map_err(|reason| {
            tracing::info!(host, port, "a script was refused a connection");
            Refused::forbidden(reason)
        })?;
        if reach == Reach::Own {
            return self.answer_own(request).await;
        }
        let upstream = self.connect(reach, &host, port).await?;
        if tunnelled {
            let upgrade = hyper::upgrade::on(request);
            *tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, upstream));
            return Ok(Response::new(Either::Right(Full::default())));
        }
        forward(request, upstream).await
    }

    /// Connects to an address that was checked, so that a name cannot lead elsewhere in between.
    async fn connect(&self, reach: Reach, host: &str, port: u16) -> Result<TcpStream, Refused> {
        let work = async {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let found = tokio::net::lookup_host((bare, port)).await;
            let found = found.map_err(|error| {
                Refused::unreachable(format!("`{host}` cannot be resolved: {error}"))
            })?;
            let addresses: Vec<SocketAddr> = found.collect();
            for address in &addresses {
                self.rules
                    .decide_address(reach, host, address.ip())
                    .map_err(Refused::forbidden)?;
            }
            TcpStream::connect(addresses.as_slice())
                .await
                .map_err(|error| {
                    Refused::unreachable(format!("cannot connect to `{host}`: {error}"))
                })
        };
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, work)
            .await
            .map_err(|_| Refused::unreachable(format!("`{host}` does not answer")))??;
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    async fn answer_own(&self, request: Request<Incoming>) -> Result<Response<Body>, Refused> {
        let own = self.own.as_ref();
        let own =
            own.ok_or_else(|| Refused::forbidden("no services are served here".to_owned()))?;
        if request.method() == Method::CONNECT {
            return Err(Refused::bad("Quell is reached by plain HTTP here"));
        }
        // What needs no signature is not for scripts.
        if !own::is_signed(request.headers()) {
            return Err(Refused::forbidden(own::UNSIGNED.to_owned()));
        }
        let (head, body) = request.into_parts();
        let body = Limited::new(body, OWN_BODY).collect().await;
        let body = body.map_err(|_| Refused::bad("the request's body is too long or broke off"))?;
        let request = Request::from_parts(head, body.to_bytes());
        let answer = own.answer(request).await;
        Ok(answer.map(|bytes| Either::Right(Full::new(bytes))))
    }
}

/// Sends one plain request on a connection of its own.
async fn forward(
    mut request: Request<Incoming>,
    upstream: TcpStream,
) -> Result<Response<Body>, Refused> {
    let broken =
        |error: hyper::Error| Refused::unreachable(format!("the endpoint failed: {error}"));
    // Whoever answers at that address must see the name that was decided about.
    let authority = request.uri().authority();
    let authority = authority.and_then(|name| HeaderValue::from_str(name.as_str()).ok());
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = path
        .parse()
        .map_err(|_| Refused::bad("the request's path cannot be read"))?;
    if let Some(host) = authority {
        request.headers_mut().insert(header::HOST, host);
    }
    for name in &HOP_BY_HOP {
        request.headers_mut().remove(name);
    }
    for name in ["proxy-connection", "keep-alive"] {
        request.headers_mut().remove(name);
    }
    let (mut sender, connection) = client::handshake(TokioIo::new(upstream))
        .await
        .map_err(broken)?;
    // The answer is read by driving the connection: it is in memory before it goes on, so it has a limit.
    let exchange = async {
        let (head, body) = sender
            .send_request(request)
            .await
            .map_err(broken)?
            .into_parts();
        let body = Limited::new(body, FORWARDED_BODY).collect().await;
        let body = body.map_err(|error| {
            Refused::unreachable(format!(
                "the endpoint's answer broke off or is too long: {error}"
            ))
        })?;
        Ok((head, body.to_bytes()))
    };
    tokio::pin!(exchange);
    let (head, body) = tokio::select! {
        biased;
        done = &mut exchange => done,
        _ = connection => exchange.await,
    }?;
    let mut response = Response::from_parts(head, Either::Right(Full::new(body)));
    for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
        response.headers_mut().remove(name);
    }
    Ok(response)
}

fn destination(uri: &Uri, tunnelled: bool) -> Option<(String, u16)> {
    let host = uri.host()?.to_owned();
    if tunnelled {
        return Some((host, uri.port_u16()?));
    }
    (uri.scheme_str() == Some("http")).then(|| (host, uri.port_u16().unwrap_or(80)))
}

/// A request that goes nowhere.
struct Refused {
    status: StatusCode,
    reason: String,
}

impl Refused {
    fn bad(reason: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            reason: reason.to_owned(),
        }
    }

    fn forbidden(reason: String) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            reason,
        }
    }

    fn unreachable(reason: String) -> Self {
        Self {
            status: StatusCode::BAD_GATEWAY,
            reason,
        }
    }

    fn response(self) -> Response<Body> {
        let mut response = Response::new(Either::Right(Full::new(Bytes::from(self.reason))));
        *response.status_mut() = self.status;
        response
    }
}
