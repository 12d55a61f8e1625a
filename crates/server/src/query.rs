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

    /// Every value of a repeated parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.first(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| ApiError::constraint(name, None, "Member must not be null"))
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
        let query = Query::parse("tagKeys=a%2Fb&tagKeys=c+d&empty").expect("valid");
        assert_eq!(query.all("tagKeys").collect::<Vec<_>>(), ["a/b", "c+d"]);
        assert_eq!(query.first("empty"), Some(""));
        assert!(query.required("empty").is_err());
        assert!(Query::parse("a=%ff").is_err());
        assert!(Query::parse(&"a=1&".repeat(MAX_PARAMETERS + 1)).is_err());
    }
}
