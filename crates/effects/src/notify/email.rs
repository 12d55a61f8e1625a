//! Sends one e-mail by SMTP.
//!
//! The message is a function of the intent alone (same `Message-ID`, same `Date`), so that a repeat after a crash is
//! recognised as the same mail by reading programs. It must not know why somebody is paged.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use model::Outcome;
use model::effect::{EmailMessage, Failure};
use serde_json::json;
use uuid::Uuid;

use crate::config::{ConfigError, Smtp, SmtpTls};

/// Longest subject; readers cut far earlier.
const SUBJECT_CHARS: usize = 250;
/// Longest body in bytes.
const BODY_BYTES: usize = 256 * 1024;
/// Pauses between attempts: a mail server that is restarting is back within seconds.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// A mail server with its pool of connections.
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    attempt_limit: Duration,
}

impl Mailer {
    pub(crate) fn new(smtp: &Smtp) -> Result<Self, ConfigError> {
        let from: Mailbox = smtp
            .from
            .parse()
            .map_err(|error: lettre::address::AddressError| ConfigError::Sender {
                value: smtp.from.clone(),
                reason: error.to_string(),
            })?;
        let tls = match smtp.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::StartTls => Tls::Required(tls_parameters(smtp)?),
            SmtpTls::Tls => Tls::Wrapper(tls_parameters(smtp)?),
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(smtp.host.clone())
                .port(smtp.port)
                .tls(tls)
                .timeout(Some(smtp.timeout))
                .pool_config(
                    PoolConfig::new()
                        .max_size(8)
                        .idle_timeout(Duration::from_secs(30)),
                );
        builder = match (&smtp.username, &smtp.password) {
            (Some(user), Some(password)) => {
                builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()))
            }
            (None, None) => builder,
            _ => return Err(ConfigError::SmtpLogin),
        };
        // Connecting, greeting, TLS, login and the message are some ten commands; none may use up all of its time.
        Ok(Self {
            transport: builder.build(),
            from,
            attempt_limit: smtp.timeout.saturating_mul(3),
        })
    }

    /// Sends a mail; repeats after temporary refusals and broken connections, because a mail that arrives twice is
    /// better than none.
    pub(crate) async fn send(&self, id: Uuid, at: Timestamp, email: &EmailMessage) -> Outcome {
        let message = match build(&self.from, id, at, email) {
            Ok(message) => message,
            Err(message) => return Outcome::Failed(failure("ParamValidation", message, false)),
        };
        let mut pauses = PAUSES.iter();
        loop {
            let failed = match tokio::time::timeout(
                self.attempt_limit,
                self.transport.send(message.clone()),
            )
            .await
            {
                Ok(Ok(answer)) => {
                    let text: Vec<&str> = answer.message().collect();
                    return Outcome::Done {
                        result: json!({ "MessageId": message_id(&self.from, id), "Response": text.join(" ") }),
                    };
                }
                Ok(Err(error)) => describe(&error),
                Err(_) => failure(
                    "Smtp",
                    format!(
                        "the mail server did not finish within {} s",
                        self.attempt_limit.as_secs()
                    ),
                    true,
                ),
            };
            match pauses.next() {
                Some(pause) if failed.transient => {
                    tracing::info!(intent = %id, reason = %failed.message, "e-mail is tried again");
                    tokio::time::sleep(*pause).await;
                }
                _ => return Outcome::Failed(failed),
            }
        }
    }
}

fn tls_parameters(smtp: &Smtp) -> Result<TlsParameters, ConfigError> {
    let fail = |reason: String| ConfigError::SmtpTls {
        host: smtp.host.clone(),
        reason,
    };
    let mut builder = TlsParameters::builder(smtp.host.clone());
    if let Some(path) = &smtp.ca_bundle {
        let bundle = |reason: String| ConfigError::CaBundle {
            path: path.display().to_string(),
            reason,
        };
        let pem = std::fs::read(path).map_err(|error| bundle(error.to_string()))?;
        builder = builder.add_root_certificate(
            Certificate::from_pem(&pem).map_err(|error| bundle(error.to_string()))?,
        );
    }
    builder
        .build_rustls()
        .map_err(|error| fail(error.to_string()))
}

fn describe(error: &lettre::transport::smtp::Error) -> Failure {
    let mut text = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        text = format!("{text}: {cause}");
    }
    // What is neither a refusal for good nor our own mistake is the network's, and may pass.
    failure("Smtp", text, !error.is_permanent() && !error.is_client())
}

fn failure(code: &str, message: String, transient: bool) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient,
    }
}

fn build(from: &Mailbox, id: Uuid, at: Timestamp, email: &EmailMessage) -> Result<Message, String> {
    let to: Address = email.to.trim().parse().map_err(|error| {
        format!(
            "`to` is not an e-mail address: `{}`: {error}",
            one_line(&email.to, 320)
        )
    })?;
    if email.body.len() > BODY_BYTES {
        return Err(format!(
            "`body` has {} bytes; an e-mail may have {BODY_BYTES}",
            email.body.len()
        ));
    }
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(one_line(&email.subject, SUBJECT_CHARS))
        .date(SystemTime::from(at))
        .message_id(Some(message_id(from, id)))
        .header(ContentType::TEXT_PLAIN);
    if let Some(thread) = email.thread.as_deref().filter(|thread| !thread.is_empty()) {
        let root = thread_id(from, thread);
        builder = builder.in_reply_to(root.clone()).references(root);
    }
    for (name, value) in [
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
    ] {
        if let Ok(name) = HeaderName::new_from_ascii(name.to_owned()) {
            builder = builder.raw_header(HeaderValue::new(name, value.to_owned()));
        }
    }
    // The transport ends the text with a line end of its own.
    builder
        .body(email.body.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|error| format!("the e-mail cannot be written: {error}"))
}

fn message_id(from: &Mailbox, id: Uuid) -> String {
    format!("<{id}@{}>", from.email.domain())
}

/// A message id that all mails of one thread refer to. Characters that such an id may not have become dots.
fn thread_id(from: &Mailbox, thread: &str) -> String {
    let name: String = thread
        .chars()
        .take(200)
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '.'
            }
        })
        .collect();
    let name: Vec<&str> = name.split('.').filter(|part| !part.is_empty()).collect();
    format!("<thread.{}@{}>", name.join("."), from.email.domain())
}

/// Text for a header: control characters (also line ends, and the marks that turn the direction of writing) become
/// blanks, so that it can neither start another header nor disguise itself.
fn one_line(text: &str, chars: usize) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
    let mut line: String = text
        .chars()
        .take(chars)
        .map(|c| if c.is_control() || turns(c) { ' ' } else { c })
        .collect();
    if text.chars().nth(chars).is_some() {
        line.push('…');
    }
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(to: &str, subject: &str, thread: Option<&str>) -> EmailMessage {
        EmailMessage {
            to: to.into(),
            subject: subject.into(),
            body: "x".into(),
            thread: thread.map(str::to_owned),
        }
    }

    fn written(email: &EmailMessage) -> Result<String, String> {
        let from = "Quell <quell@example.com>".parse().unwrap();
        let message = build(&from, Uuid::from_u128(7), Timestamp::UNIX_EPOCH, email)?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn a_repeat_is_the_same_mail() {
        let email = mail(
            "a@example.com",
            "disk full",
            Some("arn:aws:ssm-incidents::1:incident-record/x/y"),
        );
        let first = written(&email).unwrap();
        assert_eq!(first, written(&email).unwrap());
        assert!(
            first.contains("Message-ID: <00000000-0000-0000-0000-000000000007@example.com>"),
            "{first}"
        );
        assert!(
            first.contains(
                "References: <thread.arn.aws.ssm-incidents.1.incident-record.x.y@example.com>"
            ),
            "{first}"
        );
        assert!(
            first.contains("Date: Thu, 01 Jan 1970 00:00:00 "),
            "{first}"
        );
    }

    #[test]
    fn a_subject_cannot_start_another_header() {
        for evil in [
            "a\r\nBcc: victim@example.com",
            "a\nBcc: victim@example.com",
            "a\u{2028}Bcc: v@example.com\u{0}",
            "\u{202e}evil",
        ] {
            let text = written(&mail("a@example.com", evil, Some(evil))).unwrap();
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            assert!(
                !head
                    .lines()
                    .any(|line| line.to_ascii_lowercase().starts_with("bcc:")),
                "{head}"
            );
            assert!(!head.contains('\u{202e}'));
        }
        for evil in [
            "a@example.com\r\nBcc: v@example.com",
            "a@example.com, b@example.com",
            "<a@example.com>",
            "",
            "a b@c",
        ] {
            assert!(written(&mail(evil, "s", None)).is_err(), "{evil}");
        }
    }

    #[test]
    fn long_subjects_are_cut_and_long_bodies_refused() {
        let text = one_line(&"ä".repeat(400), SUBJECT_CHARS);
        assert_eq!(text.chars().count(), SUBJECT_CHARS + 1);
        let mut email = mail("a@example.com", "s", None);
        email.body = "x".repeat(BODY_BYTES + 1);
        assert!(written(&email).unwrap_err().contains("`body`"));
    }
}
