//! Bearer tokens from the environment, for the services that take them instead of signatures.

/// Name of the variable that holds the token for a signing name: `AWS_BEARER_TOKEN_BEDROCK`. Source: botocore.
#[must_use]
pub fn variable_name(signing_name: &str) -> String {
    let service = signing_name.replace(['-', ' '], "_").to_ascii_uppercase();
    format!("AWS_BEARER_TOKEN_{service}")
}

/// The token for a signing name, looked up by `variable`; `None` if there is none.
pub fn from_variables(
    signing_name: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    variable(&variable_name(signing_name)).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_after_the_signing_name() {
        assert_eq!(variable_name("bedrock"), "AWS_BEARER_TOKEN_BEDROCK");
        assert_eq!(variable_name("a-b c"), "AWS_BEARER_TOKEN_A_B_C");
        let found = from_variables("bedrock", |name| {
            name.ends_with("BEDROCK").then(|| "t".to_owned())
        });
        assert_eq!(found.as_deref(), Some("t"));
        assert_eq!(from_variables("bedrock", |_| Some(String::new())), None);
    }
}
