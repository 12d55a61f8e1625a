//! E-mail against the sink.

use effects::Performer;
use effects::config::{ConfigError, Secret, SmtpTls};
use model::EffectCommand;
use model::effect::EmailMessage;
use ports::Effects;
use serde_json::json;

use crate::aws_calls::call;
use crate::http_stub::{Reply, Stub};
use crate::smtp_sink::{Mood, Sink};
use crate::world::{background, config, done, failed, intent, perform, smtp};

fn mail() -> EffectCommand {
    EffectCommand::SendEmail(EmailMessage {
        to: "oncall@example.org".to_owned(),
        subject: "Größe: database is down".to_owned(),
        body: "Line one\n.\n.hidden dot\nhttps://example.org/x\n".to_owned(),
        thread: Some("incident-7".to_owned()),
    })
}

fn performer(port: u16) -> Performer {
    let mut config = config();
    config.smtp = Some(smtp(port));
    Performer::new(config).unwrap()
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let (sink, port) = Sink::start(&[]).await;
    let performer = performer(port);
    let intent = intent(&performer, mail());
    let id = intent.id;
    let result = done(performer.perform(intent.clone()).await);
    assert_eq!(result["MessageId"], format!("<{id}@example.com>"));
    done(performer.perform(intent).await);

    let messages = sink.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0], messages[1], "a repeat is the same mail");
    let (head, body) = messages[0].split_once("\n\n").unwrap();
    for line in [
        "From: Quell <quell@example.com>",
        "To: oncall@example.org",
        "References: <thread.incident-7@example.com>",
        "In-Reply-To: <thread.incident-7@example.com>",
        "Auto-Submitted: auto-generated",
        "Content-Type: text/plain; charset=utf-8",
    ] {
        assert!(
            head.lines().any(|have| have == line),
            "{line} is not in\n{head}"
        );
    }
    assert!(head.contains("Subject: =?utf-8?"), "{head}");
    // Lines that begin with a dot get another on the way (RFC 5321, 4.5.2).
    assert_eq!(body, "Line one\n..\n..hidden dot\nhttps://example.org/x\n");
    // A connection goes back to its pool a moment after the mail, so that one of several mails finds it there.
    for _ in 0..20 {
        done(perform(&performer, mail()).await);
        if *sink.connections.lock().unwrap() < sink.messages().len() - 1 {
            return;
        }
    }
    panic!("no connection is ever used again");
}

#[tokio::test]
async fn temporary_refusals_and_broken_connections_are_tried_again() {
    let (sink, port) = Sink::start(&[Mood::Refuse("451 greylisted"), Mood::DropAfterData]).await;
    done(perform(&performer(port), mail()).await);
    assert_eq!(sink.messages().len(), 3);
}

#[tokio::test]
async fn a_refusal_for_good_is_final() {
    let (sink, port) = Sink::start(&[Mood::Refuse("550 no such user")]).await;
    let failure = failed(perform(&performer(port), mail()).await);
    assert_eq!((failure.code.as_str(), failure.transient), ("Smtp", false));
    assert!(
        failure.message.contains("no such user"),
        "{}",
        failure.message
    );
    assert_eq!(sink.messages().len(), 1);
}

#[tokio::test]
async fn a_mail_server_that_hangs_ends_in_a_failure() {
    let (_, port) = Sink::start(&[Mood::Hang, Mood::Hang, Mood::Hang]).await;
    let mut config = config();
    config.smtp = Some(smtp(port));
    config.smtp.as_mut().unwrap().timeout = std::time::Duration::from_millis(300);
    let failure = failed(perform(&Performer::new(config).unwrap(), mail()).await);
    assert_eq!((failure.code.as_str(), failure.transient), ("Smtp", true));
}

#[tokio::test]
async fn mail_servers_that_hang_hold_up_nothing_else() {
    let (_, port) = Sink::start(&[Mood::Hang; 100]).await;
    let stub = Stub::start(|_, _| Reply::Answer(200, "text/xml", "<R/>".into())).await;
    let mut config = config();
    config.smtp = Some(smtp(port));
    config.aws.endpoint_url = Some(stub.url());
    let performer = Performer::new(config).unwrap();
    for _ in 0..40 {
        let mail = performer.perform(intent(&performer, mail()));
        background(async move {
            mail.await;
        });
    }
    let stop = call("ec2", "StopInstances", json!({"InstanceIds": ["i-1"]}));
    let stopped = perform(&performer, EffectCommand::CallAws(stop));
    done(
        tokio::time::timeout(std::time::Duration::from_secs(5), stopped)
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn a_login_is_used_and_never_shown() {
    let (sink, port) = Sink::start(&[]).await;
    let mut config = config();
    let mut smtp = smtp(port);
    smtp.username = Some("user".to_owned());
    smtp.password = Some(Secret::new("hunter2"));
    assert!(!format!("{smtp:?}").contains("hunter2"));
    config.smtp = Some(smtp);
    done(perform(&Performer::new(config).unwrap(), mail()).await);
    // \0user\0hunter2
    assert!(
        sink.commands
            .lock()
            .unwrap()
            .contains(&"AUTH PLAIN AHVzZXIAaHVudGVyMg==".to_owned())
    );
}

#[tokio::test]
async fn tls_is_not_given_up_when_the_server_has_none() {
    let (sink, port) = Sink::start(&[]).await;
    let mut config = config();
    config.smtp = Some(smtp(port));
    config.smtp.as_mut().unwrap().tls = SmtpTls::StartTls;
    let failure = failed(perform(&Performer::new(config).unwrap(), mail()).await);
    assert_eq!(failure.code, "Smtp");
    assert!(
        sink.messages().is_empty(),
        "nothing may be sent in the clear"
    );
}

#[tokio::test]
async fn faults_of_the_configuration_and_of_the_mail_are_named() {
    let mut wrong = config();
    wrong.smtp = Some(smtp(25));
    wrong.smtp.as_mut().unwrap().from = "nobody".to_owned();
    assert!(matches!(
        Performer::new(wrong),
        Err(ConfigError::Sender { .. })
    ));
    let mut wrong = config();
    wrong.smtp = Some(smtp(25));
    wrong.smtp.as_mut().unwrap().username = Some("user".to_owned());
    assert!(matches!(Performer::new(wrong), Err(ConfigError::SmtpLogin)));

    let failure = failed(perform(&Performer::new(config()).unwrap(), mail()).await);
    assert!(failure.message.contains("`smtp`"), "{}", failure.message);
    let EffectCommand::SendEmail(mut bad) = mail() else {
        unreachable!()
    };
    bad.to = "a@example.org\r\nRCPT TO:<b@example.org>".to_owned();
    let (sink, port) = Sink::start(&[]).await;
    let failure = failed(perform(&performer(port), EffectCommand::SendEmail(bad)).await);
    assert_eq!(failure.code, "ParamValidation");
    assert_eq!(*sink.connections.lock().unwrap(), 0);
}
