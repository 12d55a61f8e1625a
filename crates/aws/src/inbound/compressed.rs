//! Bodies that come compressed, opened within a limit before anything reads them.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;

use super::error::echo;
use super::{Headers, InboundError, Request, wire_name};
use crate::model::{Location, Operation, Structure};

/// What a request's head says of its body.
#[derive(Debug, PartialEq, Eq)]
enum Coding {
    Plain,
    Gzip,
}

/// The body of a request of this operation as it was before it was compressed.
///
/// # Errors
/// [`InboundError::Encoding`] for what is not opened here, [`InboundError::TooLarge`] for more than `limit` bytes.
pub(super) fn opened<'a>(
    operation: &Operation,
    input: &Structure,
    request: &Request<'a>,
    limit: usize,
) -> Result<Cow<'a, [u8]>, InboundError> {
    let plain = Cow::Borrowed(request.body);
    if request.body.is_empty() || (!operation.compressible && binds_encoding(input)) {
        return Ok(plain);
    }
    match coding(request.headers)? {
        Coding::Plain => Ok(plain),
        Coding::Gzip if operation.compressible => inflated(request.body, limit).map(Cow::Owned),
        Coding::Gzip => Err(InboundError::Encoding(format!(
            "`{}` takes no compressed body: send it without `Content-Encoding: gzip`",
            operation.name
        ))),
    }
}

/// A form, in which the operation's name stands, as it was before it was compressed.
///
/// # Errors
/// As [`opened`].
pub(super) fn form<'a>(request: &Request<'a>, limit: usize) -> Result<Cow<'a, [u8]>, InboundError> {
    if !request.body.is_empty() && coding(request.headers)? == Coding::Gzip {
        return inflated(request.body, limit).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(request.body))
}

/// Whether the header is the caller's data, as it is that of an S3 object.
fn binds_encoding(input: &Structure) -> bool {
    input.members.iter().any(|member| {
        member.target.traits().location == Some(Location::Header)
            && wire_name(&member.target, member.name).eq_ignore_ascii_case("content-encoding")
    })
}

/// What the `Content-Encoding` headers say. `amz-1.0`, which old clients of JSON services send, and `identity` say
/// nothing.
fn coding(headers: &dyn Headers) -> Result<Coding, InboundError> {
    let mut found = Ok(Coding::Plain);
    headers.each(&mut |name, value| {
        if !name.eq_ignore_ascii_case("content-encoding") {
            return;
        }
        for token in value.split(',').map(str::trim) {
            let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(token));
            if is(&["", "identity", "amz-1.0"]) {
                continue;
            }
            found = match (&found, is(&["gzip", "x-gzip"])) {
                (Ok(Coding::Plain), true) => Ok(Coding::Gzip),
                (Err(_), _) => return,
                _ => Err(InboundError::Encoding(format!(
                    "the content encoding `{}` is not served: send the body plain, or compressed once with `gzip`",
                    echo(value)
                ))),
            };
        }
    });
    found
}

/// Never holds more than one byte over the limit, whatever the body would grow to.
fn inflated(body: &[u8], limit: usize) -> Result<Vec<u8>, InboundError> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut plain = Vec::new();
    let read = MultiGzDecoder::new(body).take(most).read_to_end(&mut plain);
    if plain.len() > limit {
        return Err(InboundError::TooLarge { limit });
    }
    match read {
        Ok(_) => Ok(plain),
        Err(error) => Err(InboundError::Malformed(format!(
            "the request body is not whole gzip data: {error}; send it again, or plain"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn headers(values: &[&str]) -> Vec<(String, String)> {
        let pair = |value: &&str| ("Content-Encoding".to_owned(), (*value).to_owned());
        values.iter().map(pair).collect()
    }

    #[test]
    fn encodings_are_told_apart() {
        for (given, want) in [
            (&[][..], Some(Coding::Plain)),
            (&["identity", "amz-1.0"], Some(Coding::Plain)),
            (&["GZIP"], Some(Coding::Gzip)),
            (&["identity, x-gzip"], Some(Coding::Gzip)),
            (&["br"], None),
            (&["br", "gzip"], None),
            (&["gzip,gzip"], None),
            (&["gzip", "gzip"], None),
            (&["aws-chunked"], None),
        ] {
            let found = coding(&headers(given));
            match want {
                Some(want) => assert_eq!(found, Ok(want), "{given:?}"),
                None => assert!(
                    matches!(found, Err(InboundError::Encoding(_))),
                    "{given:?}: {found:?}"
                ),
            }
        }
    }

    #[test]
    fn bodies_are_opened_within_the_limit() {
        let whole = gzip(b"Action=A&Version=1");
        assert_eq!(inflated(&whole, 18).unwrap(), b"Action=A&Version=1");
        assert_eq!(
            inflated(&whole, 17),
            Err(InboundError::TooLarge { limit: 17 })
        );
        let twice = [gzip(b"Action=A"), gzip(b"&Version=1")].concat();
        assert_eq!(inflated(&twice, 100).unwrap(), b"Action=A&Version=1");
        for cut in 1..whole.len() {
            let fault = inflated(whole.get(..cut).unwrap(), 100);
            assert!(matches!(fault, Err(InboundError::Malformed(_))), "{cut}");
        }
        let trailed = [whole.as_slice(), b"more"].concat();
        assert!(matches!(
            inflated(&trailed, 100),
            Err(InboundError::Malformed(_))
        ));
    }

    #[test]
    fn a_bomb_is_refused_before_it_has_grown() {
        let bomb = gzip(&vec![0; 16 * 1024 * 1024]);
        assert!(bomb.len() < 20_000);
        assert_eq!(
            inflated(&bomb, 1024),
            Err(InboundError::TooLarge { limit: 1024 })
        );
    }
}
