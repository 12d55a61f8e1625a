//! Which addresses of certificates are SNS's own.

use model::arn::Arn;

use super::VerifyError;

/// Longest address that is looked at, in bytes.
const MAX_ADDRESS: usize = 1_024;

/// An address that may be fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateAddress {
    url: String,
    host: String,
}

impl CertificateAddress {
    /// The address, in the one spelling that was checked.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// Checks that an address is that of a certificate of SNS in the topic's own region: `https`, no user, no port, host
/// `sns.<region>.amazonaws.com` (`.cn` in China), a plain path that ends in `.pem`, nothing behind it.
///
/// # Errors
/// [`VerifyError::Address`] says what is wrong.
pub fn certificate_address(url: &str, topic: &Arn) -> Result<CertificateAddress, VerifyError> {
    let wrong = |what: &str| VerifyError::Address(what.to_owned());
    if url.len() > MAX_ADDRESS || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("it is too long, or has letters that no address has"));
    }
    let rest = url
        .strip_prefix("https://")
        .ok_or_else(|| wrong("it is not https"))?;
    let (host, path) = rest
        .split_once('/')
        .ok_or_else(|| wrong("it has no path"))?;
    if host.contains('@') {
        return Err(wrong("it has a user"));
    }
    if host.contains(':') {
        return Err(wrong("it has a port"));
    }
    let domain = if topic.partition == "aws-cn" {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    // Built, not searched for: there is exactly one host that may answer for a topic.
    let own = format!("sns.{}.{domain}", topic.region);
    let region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if topic.region.is_empty() || !topic.region.bytes().all(region) || host != own {
        return Err(wrong("its host is not that of SNS in the topic's region"));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    if !path.ends_with(".pem") || !path.bytes().all(plain) || path.split('/').any(odd) {
        return Err(wrong("its path is not that of a .pem file"));
    }
    Ok(CertificateAddress {
        url: url.to_owned(),
        host: own,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sns_in_the_topics_region_is_asked() {
        let topic = |region: &str| {
            Arn::parse(&format!("arn:aws:sns:{region}:123456789012:alerts")).expect("an ARN")
        };
        let good = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123abc.pem";
        let found = certificate_address(good, &topic("us-east-1")).expect("SNS's own");
        assert_eq!(
            (found.url(), found.host()),
            (good, "sns.us-east-1.amazonaws.com")
        );
        let china = Arn::parse("arn:aws-cn:sns:cn-north-1:123456789012:alerts").expect("an ARN");
        let there = "https://sns.cn-north-1.amazonaws.com.cn/a.pem";
        certificate_address(there, &china).expect("SNS's own");
        for bad in [
            "http://sns.us-east-1.amazonaws.com/a.pem",
            "HTTPS://sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com:443/a.pem",
            "https://user@sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com@evil.example/a.pem",
            "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
            "https://evil.example/sns.us-east-1.amazonaws.com/a.pem",
            "https://xsns.us-east-1.amazonaws.com/a.pem",
            "https://snsxus-east-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com.cn/a.pem",
            "https://sns.eu-west-1.amazonaws.com/a.pem",
            "https://SNS.us-east-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com/a.pem?x",
            "https://sns.us-east-1.amazonaws.com/a.pem#x",
            "https://sns.us-east-1.amazonaws.com/a.txt",
            "https://sns.us-east-1.amazonaws.com/../a.pem",
            "https://sns.us-east-1.amazonaws.com//a.pem",
            "https://sns.us-east-1.amazonaws.com/%2e%2e/a.pem",
            "https://sns.us-east-1.amazonaws.com",
            "https://sns.us-east-1.amazonaws.com\\@evil.example/a.pem",
            "https://sns.us-east-1.amazonaws.com/\na.pem",
            "https://bucket.s3.amazonaws.com/a.pem",
            "",
        ] {
            assert!(
                certificate_address(bad, &topic("us-east-1")).is_err(),
                "{bad}"
            );
        }
        // A region that would reach out of its label.
        let odd = topic("evil.example/x");
        assert!(
            certificate_address("https://sns.evil.example/x.amazonaws.com/a.pem", &odd).is_err()
        );
    }
}
