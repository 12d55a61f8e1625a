//! The query string of a request, decoded once.
//!
//! `+` is a plus sign: AWS clients write a blank as `%20`.

use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// Most parameters in one query.
const MAX_PARAMETERS: usize = 256;

/// Decoded parameters in order of arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes the text behind the `?`.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let pairs: Vec<&str> = text.split('&').filter(|pair| !pair.is_empty()).collect();
        if pairs.len() > MAX_PARAMETERS {
            return Err(ApiError::validation(format!(
                "the query has more than {MAX_PARAMETERS} parameters"
            )));
        }
        let decoded = pairs.into_iter().map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        decoded.collect::<Result<_, ApiError>>().map(Self)
    }

    /// The first value of a parameter.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Undoes percent-encoding of one name, value or path segment.
pub(crate) fn decode(text: &str) -> Result<String, ApiError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| {
            ApiError::validation("the request's path or query is not UTF-8 after percent-decoding")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_repeats_and_refuses_bad_bytes() {
        let query = Query::parse("after=a%2Fb&after=c&plus=c+d&empty").expect("valid");
        assert_eq!(query.first("after"), Some("a/b"));
        assert_eq!(query.first("plus"), Some("c+d"));
        assert_eq!(query.first("empty"), Some(""));
        assert_eq!(query.first("absent"), None);
        assert!(Query::parse("a=%ff").is_err());
        assert!(Query::parse(&"a=1&".repeat(MAX_PARAMETERS + 1)).is_err());
    }
}
