//! Signatures of SNS, with keys made here: what is believed, and everything that is not.

use intake::verify::{
    Envelope, SigningKey, Trust, VerifyError, certificate_address, pinned, signing_key, verify,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::signer::{Made, Signer, TOPIC, URL, now, signer};

fn address() -> intake::verify::CertificateAddress {
    let topic = model::arn::Arn::parse(TOPIC).unwrap();
    certificate_address(URL, &topic).unwrap()
}

fn key() -> SigningKey {
    pinned(&signer().certificate(&Made::default()))
        .unwrap()
        .remove(0)
}

fn judged(message: &Value, version_1: bool, at: Timestamp) -> Result<(), VerifyError> {
    let envelope = Envelope::parse(message.to_string().as_bytes())?;
    verify(&envelope, &key(), version_1, at)
}

#[test]
fn the_signed_text_is_that_of_the_guide() {
    let mut message = Signer::notification("m-1", "text\nof two lines");
    let text = |message: &Value| {
        Envelope::parse(message.to_string().as_bytes())
            .unwrap()
            .string_to_sign()
    };
    let time = message["Timestamp"].as_str().unwrap().to_owned();
    let without = format!(
        "Message\ntext\nof two lines\nMessageId\nm-1\nTimestamp\n{time}\nTopicArn\n{TOPIC}\nType\nNotification\n"
    );
    assert_eq!(text(&message), without);
    message["Subject"] = "about".into();
    let with = without.replace("Timestamp\n", "Subject\nabout\nTimestamp\n");
    assert_eq!(text(&message), with);
    for kind in ["SubscriptionConfirmation", "UnsubscribeConfirmation"] {
        let message = Signer::confirmation(kind);
        let want = format!(
            "Message\nhello\nMessageId\nc-1\nSubscribeURL\nhttps://sns.us-east-1.amazonaws.com/?x\nTimestamp\n{time}\nToken\nt0ken\nTopicArn\n{TOPIC}\nType\n{kind}\n"
        );
        assert_eq!(text(&message), want);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_even_beside_what_is_signed() {
    let mut message = Signer::notification("m-1", "text");
    message["beside"] = "here".into();
    let text = message.to_string();
    let at = text.find("here").unwrap();
    let mut bytes = text.into_bytes();
    assert!(Envelope::parse(&bytes).is_ok());
    bytes[at] = 0xb3;
    let refused = Envelope::parse(&bytes).unwrap_err();
    assert!(refused.to_string().contains("not UTF-8"), "{refused}");
}

#[test]
fn what_is_believed_and_what_not() {
    let good = signer().signed(Signer::notification("m-1", "text"), "2");
    let with = |name: &str, value: Value| {
        let mut message = good.clone();
        message[name] = value;
        message
    };
    let minutes = |minutes: i64| {
        now()
            .checked_add(SignedDuration::from_mins(minutes))
            .unwrap()
    };
    assert_eq!(judged(&good, false, now()), Ok(()));
    for near in [minutes(59), minutes(-59)] {
        assert_eq!(judged(&good, false, near), Ok(()));
    }
    for far in [minutes(61), minutes(-61)] {
        assert_eq!(judged(&good, false, far), Err(VerifyError::Stale));
    }
    for tampered in [
        with("Message", "other text".into()),
        with("MessageId", "m-2".into()),
        with("Subject", "added".into()),
        with(
            "TopicArn",
            "arn:aws:sns:us-east-1:123456789012:other".into(),
        ),
        with("Signature", "AAAA".into()),
        with("Signature", "".into()),
    ] {
        assert_eq!(
            judged(&tampered, false, now()),
            Err(VerifyError::Signature),
            "{tampered}"
        );
    }
    let old = signer().signed(Signer::notification("m-1", "text"), "1");
    assert_eq!(
        judged(&old, false, now()),
        Err(VerifyError::Version("1".to_owned()))
    );
    assert_eq!(judged(&old, true, now()), Ok(()));
    let mut forged = old.clone();
    forged["Message"] = "other".into();
    assert_eq!(judged(&forged, true, now()), Err(VerifyError::Signature));
    // A signature is good for its own version only.
    let mut moved = old;
    moved["SignatureVersion"] = "2".into();
    assert_eq!(judged(&moved, true, now()), Err(VerifyError::Signature));
    let three = with("SignatureVersion", "3".into());
    assert_eq!(
        judged(&three, true, now()),
        Err(VerifyError::Version("3".to_owned()))
    );
    // Another key's signature.
    let other = Signer::new(7).signed(Signer::notification("m-1", "text"), "2");
    assert_eq!(judged(&other, false, now()), Err(VerifyError::Signature));
}

#[test]
fn what_is_no_envelope_says_why() {
    let good = signer().signed(Signer::notification("m-1", "text"), "2");
    let text = good.to_string();
    let twice = text.replacen('{', "{\"Message\":\"first\",", 1);
    for (body, word) in [
        ("", "EOF"),
        ("[]", "invalid"),
        ("{}", "Type"),
        (twice.as_str(), "duplicate field"),
        (&text.replace("\"Notification\"", "\"Something\""), "`Type`"),
        (
            &text.replace(TOPIC, "arn:aws:sqs:us-east-1:1:q"),
            "`TopicArn`",
        ),
        (
            &text.replace("2026-03-01T03:00:00", "yesterday "),
            "`Timestamp`",
        ),
        (
            &text.replace("\"Signature\":\"", "\"Signature\":\"!"),
            "`Signature`",
        ),
        (
            &text.replace("\"Notification\"", "\"SubscriptionConfirmation\""),
            "Token",
        ),
    ] {
        let error = Envelope::parse(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    }
}

#[test]
fn certificates_come_from_whom_they_must() {
    let signer = signer();
    let authority = signer.authority();
    let only = Trust::of_pem(&authority).unwrap();
    let other = Trust::of_pem(&Signer::new(7).authority()).unwrap();
    let own = signer.certificate(&Made::default());
    let whole = format!("{own}{authority}");
    let wrong_name = Made {
        name: "sns.example.com",
        ..Made::default()
    };
    let regional = Made {
        name: "sns.us-east-1.amazonaws.com",
        ..Made::default()
    };
    let past = Made {
        years: (2020, 2021),
        ..Made::default()
    };
    let future = Made {
        years: (2030, 2031),
        ..Made::default()
    };
    let made = |made: &Made| signer.certificate(made);
    let huge = format!("{own}{}", "# \n".repeat(6_000));
    for (file, trust, word) in [
        (own.clone(), &only, None),
        (whole.clone(), &only, None),
        (made(&regional), &only, None),
        // Alone, it is believed for the place that it was fetched from.
        (own.clone(), &Trust::Public, None),
        // With a chain that ends nowhere it is not.
        (whole, &Trust::Public, Some("UnknownIssuer")),
        (own.clone(), &other, Some("UnknownIssuer")),
        (made(&wrong_name), &only, Some("not SNS's by its name")),
        (
            made(&wrong_name),
            &Trust::Public,
            Some("not SNS's by its name"),
        ),
        (made(&past), &only, Some("not in date")),
        (made(&past), &Trust::Public, Some("not in date")),
        (made(&future), &only, Some("not in date")),
        (String::new(), &only, Some("no certificate")),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
            &only,
            Some("malformed"),
        ),
        (authority.clone(), &Trust::Public, Some("RSA")),
        (own.repeat(9), &only, Some("more than 8")),
        (huge, &only, Some("16 KiB")),
    ] {
        let found = signing_key(file.as_bytes(), &address(), trust, now());
        match word {
            None => assert!(found.unwrap().holds(now())),
            Some(word) => {
                let error = found.unwrap_err().to_string();
                assert!(error.contains(word), "{word}: {error}");
            }
        }
    }
    assert!(Trust::of_pem("nothing").is_err());
    assert!(pinned("nothing").is_err());
}

#[test]
fn no_bytes_of_a_certificate_make_it_panic() {
    use rustls_pki_types::pem::PemObject as _;
    let pem = signer().certificate(&Made::default());
    let der = rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    for at in 0..der.len() {
        for change in [0x00, 0x80, 0xff] {
            let mut bytes = der.to_vec();
            bytes[at] ^= change;
            bytes.truncate(der.len() - usize::from(change == 0) * (at % 7));
            let text = crate::signer::pem(&bytes);
            let _ = signing_key(text.as_bytes(), &address(), &Trust::Public, now());
        }
    }
}
