//! A connection's parameters with a mask for each of its values.

use ports::connection::{AuthParameters, Authorization, HttpParameters, Parameter};
use ports::vault::Secret;

use super::http_task::MASK;

/// The same parameters without their values.
pub(super) fn masked(parameters: &AuthParameters) -> AuthParameters {
    let authorization = match &parameters.authorization {
        Authorization::Basic { .. } => Authorization::Basic {
            username: MASK.to_owned(),
            password: Secret::new(MASK),
        },
        Authorization::ApiKey { name, .. } => Authorization::ApiKey {
            name: name.clone(),
            value: Secret::new(MASK),
        },
        // No token is asked for with it.
        Authorization::OauthClientCredentials(oauth) => {
            Authorization::OauthClientCredentials(oauth.clone())
        }
    };
    let hidden = |all: &[Parameter]| {
        let each = all.iter().map(|one| Parameter {
            value: Secret::new(MASK),
            ..one.clone()
        });
        each.collect()
    };
    let added = &parameters.invocation;
    AuthParameters {
        authorization,
        invocation: HttpParameters {
            headers: hidden(&added.headers),
            query: hidden(&added.query),
            body: hidden(&added.body),
        },
    }
}
