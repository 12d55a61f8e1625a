//! AWS's Signature Version 4 test suite.

use std::fs;
use std::path::{Path, PathBuf};

use aws::sigv4::{self, Payload, RawRequest, SigningScope, Verifier};
use aws::{Credentials, HttpRequest};

pub(crate) const KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// Folders that hold a `.req` file, at any depth.
fn folders(path: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            folders(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "req") {
            found.push(path);
        }
    }
}

fn read(path: &Path, extension: &str) -> String {
    fs::read_to_string(path.with_extension(extension))
        .unwrap()
        .replace("\r\n", "\n")
}

/// A request of the suite. The request line holds raw blanks and UTF-8, which no client would send.
fn parse(text: &str) -> HttpRequest {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let line = lines.next().unwrap();
    let (method, rest) = line.split_once(' ').unwrap();
    let (target, _) = rest.rsplit_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        match line.split_once(':') {
            // A folded line is another value of the header before.
            _ if line.starts_with(' ') => {
                let name = headers.last().unwrap().0.clone();
                headers.push((name, line.trim().to_owned()));
            }
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => panic!("not a header: {line}"),
        }
    }
    HttpRequest {
        method: method.to_owned(),
        scheme: "https".to_owned(),
        authority: "example.amazonaws.com".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: body.to_owned().into(),
    }
}

fn raw(request: &HttpRequest) -> RawRequest<'_> {
    RawRequest {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &request.headers,
        payload: Payload::Bytes(&request.body),
    }
}

#[test]
fn all_cases_sign_and_verify() {
    let Some(root) = crate::cases("sigv4") else {
        return;
    };
    let mut found = Vec::new();
    folders(&root, &mut found);
    assert!(found.len() >= 31, "only {} cases", found.len());
    let at = "2015-08-30T12:36:00Z".parse().unwrap();
    for path in &found {
        let name = path.file_stem().unwrap().to_string_lossy();
        let request = parse(&read(path, "req"));
        let authorization = read(path, "authz");
        let signed = authorization
            .split("SignedHeaders=")
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .unwrap();
        let signed: Vec<&str> = signed.split(';').collect();
        // The suite's one form with a body signs its parameters as a query.
        let mut form = request.clone();
        if !request.body.is_empty() && request.header("content-type").is_some() {
            form.query = String::from_utf8(std::mem::take(&mut form.body).to_vec()).unwrap();
            let raw = RawRequest {
                payload: Payload::Form(&request.body),
                ..raw(&request)
            };
            let canonical = sigv4::canonical_request(&raw, &signed, "service").unwrap();
            assert_eq!(canonical, read(path, "creq"), "{name}");
        }
        let mut request = form;
        let canonical = sigv4::canonical_request(&raw(&request), &signed, "service").unwrap();
        let sts = read(path, "sts");
        assert_eq!(
            sts.lines().last().unwrap(),
            sigv4::sha256_hex(canonical.as_bytes()),
            "{name}"
        );
        // One `.creq` of the suite is not the one that its own `.sts` and `.authz` were made from.
        let creq = read(path, "creq");
        if sigv4::sha256_hex(creq.as_bytes()) == sts.lines().last().unwrap() {
            assert_eq!(canonical, creq, "{name}");
        } else {
            assert_eq!(name, "post-x-www-form-urlencoded");
        }

        let mut credentials = Credentials::new(KEY, SECRET);
        if signed.contains(&"x-amz-security-token") {
            credentials.session_token = request.header("x-amz-security-token").map(str::to_owned);
        }
        let scope = SigningScope::new("us-east-1", "service");
        sigv4::sign(&mut request, &credentials, &scope, at);
        assert_eq!(
            request.header("authorization"),
            Some(authorization.trim()),
            "{name}"
        );

        // The same case lacks a signed header in its `.sreq`.
        let mut sent = parse(&read(path, "sreq"));
        for (name, value) in &parse(&read(path, "req")).headers {
            if sent.header(name).is_none() {
                sent.set_header(name, value);
            }
        }
        let secret = |key: &str| (key == KEY).then(|| SECRET.to_owned());
        let verified = Verifier::default().verify(&raw(&sent), &secret, at);
        let verified = verified.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(verified.access_key_id, KEY);
        assert_eq!(
            (
                verified.scope.region.as_str(),
                verified.scope.service.as_str()
            ),
            ("us-east-1", "service")
        );
    }
    println!("sigv4 suite: {} of {} cases", found.len(), found.len());
}
