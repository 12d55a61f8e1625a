//! TLS with a private certificate authority, made by `openssl` for the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use effects::config::{ConfigError, SmtpTls, Webhook};
use effects::{Config, Performer};
use model::EffectCommand;
use model::effect::{EmailMessage, WebhookPost};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::aws_calls::call;
use crate::http_stub::{Reply, Stub};
use crate::smtp_sink::Sink;
use crate::world::{config, done, failed, perform, smtp};

struct Authority {
    dir: tempfile::TempDir,
}

impl Authority {
    /// An authority with a certificate for 127.0.0.1; `None` without `openssl`.
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("ext"),
            "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
        )
        .unwrap();
        let made = [
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=authority -days 2",
            "req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf",
            "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf.pem -days 2 -extfile ext",
        ]
        .into_iter()
        .all(|line| {
            let run = Command::new("openssl").args(line.split(' ')).current_dir(dir.path()).output();
            run.is_ok_and(|output| output.status.success())
        });
        if !made {
            eprintln!("not run: no openssl on this machine");
        }
        made.then_some(Self { dir })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn acceptor(&self) -> TlsAcceptor {
        let chain = CertificateDer::pem_file_iter(self.file("leaf.pem"))
            .unwrap()
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        let key = PrivateKeyDer::from_pem_file(self.file("leaf.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn post(port: u16) -> EffectCommand {
    EffectCommand::PostWebhook(WebhookPost {
        url: format!("https://127.0.0.1:{port}/"),
        headers: [].into(),
        body: "{}".to_owned(),
        content_type: "application/json".to_owned(),
    })
}

fn trusting(ca_bundle: Option<&Path>) -> Config {
    let mut config = config();
    config.aws.ca_bundle = ca_bundle.map(Path::to_path_buf);
    config.webhook = Webhook {
        allow_private: true,
        ca_bundle: ca_bundle.map(Path::to_path_buf),
        ..Webhook::default()
    };
    config
}

#[tokio::test]
async fn https_is_spoken_to_those_who_are_trusted() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let stub = Stub::start_with(Some(authority.acceptor()), |_, _| {
        Reply::Answer(200, "text/xml", "<R><requestId>r</requestId></R>".into())
    })
    .await;
    let mut config = trusting(Some(&authority.file("ca.pem")));
    config.aws.endpoint_url = Some(format!("https://127.0.0.1:{}", stub.port));
    let performer = Performer::new(config).unwrap();
    done(perform(&performer, post(stub.port)).await);
    done(
        perform(
            &performer,
            EffectCommand::CallAws(call("ec2", "DescribeInstances", Value::Null)),
        )
        .await,
    );
    assert_eq!(stub.seen().len(), 2);

    let strict = Performer::new(trusting(None)).unwrap();
    let failure = failed(perform(&strict, post(stub.port)).await);
    assert_eq!(failure.code, "Network");
    assert!(
        failure.message.contains("certificate"),
        "{}",
        failure.message
    );
    assert_eq!(stub.seen().len(), 2, "nothing is sent to a stranger");
}

#[tokio::test]
async fn mail_goes_over_tls() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let (sink, port) = Sink::start_with(Some(authority.acceptor()), &[]).await;
    let mail = || {
        EffectCommand::SendEmail(EmailMessage {
            to: "a@example.org".to_owned(),
            subject: "s".to_owned(),
            body: "b".to_owned(),
            thread: None,
        })
    };
    for (ca_bundle, trusted) in [(Some(authority.file("ca.pem")), true), (None, false)] {
        let mut config = config();
        let mut smtp = smtp(port);
        smtp.tls = SmtpTls::Tls;
        smtp.ca_bundle = ca_bundle;
        config.smtp = Some(smtp);
        let outcome = perform(&Performer::new(config).unwrap(), mail()).await;
        if trusted {
            done(outcome);
        } else {
            assert_eq!(failed(outcome).code, "Smtp");
        }
        assert_eq!(sink.messages().len(), 1);
    }
}

#[tokio::test]
async fn a_bundle_that_is_none_is_refused_at_the_start() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    for path in [Path::new("/nonexistent/ca.pem"), empty.path()] {
        assert!(
            matches!(
                Performer::new(trusting(Some(path))),
                Err(ConfigError::CaBundle { .. })
            ),
            "{}",
            path.display()
        );
    }
    let mut wrong = config();
    wrong.aws.endpoint_url = Some("127.0.0.1:5000".to_owned());
    assert!(matches!(
        Performer::new(wrong),
        Err(ConfigError::Address {
            field: "aws.endpoint_url",
            ..
        })
    ));
}
